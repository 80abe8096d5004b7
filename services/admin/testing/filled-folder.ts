/**
 * A data folder that a real server has filled with a bit of everything: replaced records, records of
 * subkeys, held ones, private ones, several segments. Made once, copied for each test.
 */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@mosaic-cluster/client';
import {
  attestSubkey,
  buildKeySchedule,
  buildRecord,
  coreTag,
  encodeKind,
  encodeUserKey,
  hexDecode,
  type KindFields,
  publicKeyOf,
  type RecordInput,
  type RecordView,
  type SecretKey,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { nativeSigningTools } from '@mosaic-cluster/verifier';
import { type RunningServer, startServer } from './server.ts';

const tools = await nativeSigningTools();

/** She is served here; he is a stranger, whose records wait for a moderator. */
export const ALICE: SecretKey = new Uint8Array(32).fill(1);
export const BOB: SecretKey = new Uint8Array(32).fill(2);
const SUBKEY = new Uint8Array(32).fill(3);
const START_MS = 1_750_000_000_000;
/** Nobody may read this in anything that the command prints. */
export const PRIVATE_TEXT = 'the private words of a private record';

/** Settings of the server that fills the folder, and of any that goes on with it. */
export const SERVER_SETTINGS: NodeJS.ProcessEnv = {
  MOSAIC_ADMISSION: 'registered',
  MOSAIC_USERS: encodeUserKey(publicKeyOf(ALICE)),
  MOSAIC_MODERATION: 'hold-strangers',
  MOSAIC_SEGMENT_BYTES: '2MiB',
};

function kind(fields: Partial<KindFields> = {}): Uint8Array {
  return encodeKind({
    applicationId: 99,
    applicationKind: 1,
    duplicateHandling: 'unique',
    audience: 'everybody',
    printable: false,
    ...fields,
  });
}

let clock = 0;

/** A record of Alice's, each a millisecond later than the one before. */
export function aliceRecord(input: Partial<RecordInput> = {}): RecordView {
  const timestamp = timestampFromMillis(START_MS + (clock += 1));
  const author = publicKeyOf(ALICE);
  return buildRecord({ kind: kind(), timestamp, secretKey: ALICE, author, ...input }, tools);
}

function records(count: number): RecordView[] {
  const toAlice = coreTag({ name: 'notify', key: publicKeyOf(ALICE) });
  const attestation = attestSubkey(SUBKEY, publicKeyOf(ALICE));
  const made: RecordView[] = [
    buildKeySchedule({
      masterSecretKey: ALICE,
      timestamp: timestampFromMillis(START_MS),
      entries: [{ marker: 'activeSigning', attestation }],
    }),
  ];
  const byBob = { secretKey: BOB, author: publicKeyOf(BOB), tags: [toAlice] };
  for (let i = 0; i < count; i++) {
    const tag = { type: 900, value: Uint8Array.of(1, i % 7) };
    const long = { type: 901, value: new Uint8Array(100).fill(i % 5) };
    const payload = new Uint8Array(3000).fill(i);
    made.push(aliceRecord({ payload, tags: i % 3 === 0 ? [tag, long] : [tag] }));
    if (i % 10 === 0) made.push(aliceRecord({ payload, secretKey: SUBKEY }));
    if (i % 20 === 0) {
      const nonce = Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, i % 7);
      made.push(aliceRecord({ kind: kind({ duplicateHandling: 'replaceable' }), nonce }));
      made.push(aliceRecord({ kind: kind({ applicationKind: 2 }), ...byBob }));
      const words = new TextEncoder().encode(PRIVATE_TEXT);
      made.push(aliceRecord({ kind: kind({ audience: 'author-only' }), payload: words }));
    }
  }
  return made;
}

/** Publishes records to a server. @throws where one is refused */
export async function publish(server: RunningServer, made: readonly RecordView[]): Promise<void> {
  const client = await connect({ url: server.url, serverKey: hexDecode(server.serverKeyHex) });
  try {
    for await (const outcome of client.publishMany(made)) {
      if (outcome.error !== undefined) throw outcome.error;
    }
  } finally {
    await client.close();
  }
}

/** Folders of a test, gone after it. */
export class FilledFolders {
  readonly #root: Promise<string> = mkdtemp(join(tmpdir(), 'mosaic-admin-'));
  #template: Promise<string> | undefined;
  #count = 0;

  /** A path at which nothing is yet. */
  async path(): Promise<string> {
    const name = String((this.#count += 1));
    return join(await this.#root, name);
  }

  /** A data folder of its own, filled, of a server that was stopped in an orderly way. */
  async folder(): Promise<string> {
    this.#template ??= this.#fill();
    const path = await this.path();
    await cp(await this.#template, path, { recursive: true });
    return path;
  }

  async close(): Promise<void> {
    await rm(await this.#root, { recursive: true, force: true });
  }

  async #fill(): Promise<string> {
    const path = await this.path();
    const server = await startServer(path, SERVER_SETTINGS);
    try {
      await publish(server, records(1500));
    } finally {
      await server.stop();
    }
    return path;
  }
}

/** Paths of a role's segments, oldest first. */
export async function segmentsOf(folder: string, role: string): Promise<string[]> {
  const directory = join(folder, 'segments', role);
  return (await readdir(directory)).sort().map((name) => join(directory, name));
}
