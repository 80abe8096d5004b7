/**
 * The two kinds of places that commands work on, empty: a data folder that no server holds, and a cluster's
 * Redis and S3 server. Commands that change facts are tested on both alike.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RedisServer, type S3Server, startRedis, startS3 } from '@mosaic-cluster/test-servers';
import { openStores } from '@mosaic-cluster/cluster/stores';
import type { RecordView } from '@mosaic-cluster/protocol';
import {
  createRedisIndex,
  openIndexEnvironment,
  openObjectSegmentLog,
  openSegmentLog,
  type RecordIndex,
  type SegmentLog,
} from '@mosaic-cluster/store';
import { readAdminSettings } from '../src/config.ts';
import { type Facts, openFacts } from '../src/place/open-facts.ts';
import type { RunResult } from './run-admin.ts';
import { runHere, withSettings } from './run-here.ts';

/** An empty place. */
export interface TestPlace {
  /** The settings that name it. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs the command on it. */
  admin(args: readonly string[], input?: string): Promise<RunResult>;
  /** Runs it with `--json`, expects that it succeeds, and returns what it says. */
  json<Told>(args: readonly string[], input?: string): Promise<Told>;
  /** Its registry, opened as a process beside the command would. To be closed. */
  facts(): Promise<Facts>;
  /** Stores records of a role, as a server does that is not there any more. */
  store(role: string, records: readonly RecordView[], isHeld?: boolean): Promise<void>;
  /** Takes a stored record out of the index, as a server does where it was removed. */
  unindex(role: string, record: RecordView): Promise<void>;
}

/** Makes places of one kind. */
export interface PlaceKind {
  readonly name: string;
  start(): Promise<void>;
  place(): Promise<TestPlace>;
  stop(): Promise<void>;
}

/** Where a role's records go. */
interface RoleStore {
  readonly log: SegmentLog;
  readonly index: RecordIndex;
  close(): Promise<void>;
}

function testPlace(
  env: NodeJS.ProcessEnv,
  openStore: (role: string) => Promise<RoleStore>,
): TestPlace {
  const admin: TestPlace['admin'] = (args, input) => runHere(args, env, input);
  return {
    env,
    admin,
    json: async <Told>(args: readonly string[], input?: string): Promise<Told> => {
      const { code, stdout, stderr } = await admin([...args, '--json'], input);
      if (code !== 0 || stderr !== '') throw new Error(`${args.join(' ')}: ${code}\n${stderr}`);
      return JSON.parse(stdout) as Told;
    },
    facts: () => withSettings(env, () => openFacts({}, false)),
    store: async (role, records, isHeld = false) => {
      const opened = await withSettings(env, () => openStore(role));
      const { log, index } = opened;
      const entries = records.map((record) => {
        return { record, receivedAt: record.timestamp, held: isHeld };
      });
      const { locations, end } = await log.append(entries);
      await index.add(entries.map((entry, i) => ({ ...entry, location: locations[i]! })));
      await index.markWhole(end);
      await opened.close();
    },
    unindex: async (role, record) => {
      const opened = await withSettings(env, () => openStore(role));
      await opened.index.remove([{ record, receivedAt: record.timestamp }]);
      await opened.close();
    },
  };
}

async function openFolderStore(folder: string, role: string): Promise<RoleStore> {
  const log = await openSegmentLog({ directory: join(folder, 'segments', role), role });
  const environment = await openIndexEnvironment({ directory: join(folder, 'index') });
  const close = async (): Promise<void> => {
    await environment.close();
    await log.close();
  };
  return { log, index: environment.index(role), close };
}

async function openClusterStore(role: string): Promise<RoleStore> {
  const settings = readAdminSettings();
  if (settings.of !== 'cluster') throw new Error('these are no settings of a cluster');
  const stores = await openStores(settings.config);
  const log = await openObjectSegmentLog({ store: stores.objects, role });
  const index = createRedisIndex({ connection: stores.redis, name: role });
  const close = async (): Promise<void> => {
    await log.close();
    await index.close();
    await stores.close();
  };
  return { log, index, close };
}

function embedded(): PlaceKind {
  let root = '';
  let places = 0;
  return {
    name: 'a data folder',
    start: async () => {
      root = await mkdtemp(join(tmpdir(), 'mosaic-admin-places-'));
    },
    place: async () => {
      const folder = join(root, String((places += 1)));
      await mkdir(folder);
      await writeFile(join(folder, 'mosaic.json'), '{"mosaicData":1}\n');
      return testPlace({ MOSAIC_DATA_DIR: folder }, (role) => openFolderStore(folder, role));
    },
    stop: () => rm(root, { recursive: true }),
  };
}

function cluster(): PlaceKind {
  let redis: RedisServer | undefined;
  let s3: S3Server | undefined;
  let places = 0;
  return {
    name: 'a cluster',
    start: async () => {
      [redis, s3] = await Promise.all([startRedis(), startS3()]);
    },
    place: async () => {
      const bucket = `bucket-${(places += 1)}`;
      s3!.createBucket(bucket);
      const env = {
        MOSAIC_S3_BUCKET: bucket,
        MOSAIC_S3_ENDPOINT: s3!.url,
        MOSAIC_S3_REGION: s3!.region,
        MOSAIC_S3_ACCESS_KEY_ID: s3!.accessKeyId,
        MOSAIC_S3_SECRET_ACCESS_KEY: s3!.secretAccessKey,
        MOSAIC_REDIS_URLS: redis!.url,
        MOSAIC_REDIS_KEY_PREFIX: `place-${places}`,
      };
      return testPlace(env, openClusterStore);
    },
    stop: async () => {
      await Promise.all([redis?.stop(), s3?.stop()]);
    },
  };
}

/** For `describe.each`. */
export const PLACE_KINDS: readonly PlaceKind[] = [embedded(), cluster()];
