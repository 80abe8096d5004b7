/**
 * Abuse control over all gateways of a cluster: one budget, one ban, whichever gateway somebody goes
 * to, and service without them. Needs a build.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectRaw, type RawConnection } from '@mosaic-cluster/client';
import {
  buildRecord,
  encodeSubmission,
  generateSecretKey,
  hexDecode,
  KNOWN_KINDS,
  parseMessage,
  type RecordView,
  RESULT,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { type LocalCluster, startLocalCluster } from './local-cluster.ts';
import { connectTo, until } from './testing/load.ts';

const ADMIN = fileURLToPath(
  new URL('../../../services/admin/bin/mosaic-admin.js', import.meta.url),
);
const BURST = 300;
const PER_SECOND = 5;
/** A Query whose filter is none: type, length, query id, limit, filter. */
const UNREADABLE = Uint8Array.of(2, 16, 0, 0, 1, 0, 0, 0, ...new Uint8Array(8).fill(255));
/** Nothing but loopback is there, so it is not allowed to whatever it likes. */
const SETTINGS = {
  MOSAIC_ALLOWED: 'none',
  MOSAIC_BUDGETS: `submissions.address.anonymous=${PER_SECOND}/s:${BURST}`,
};

// Longer than any single wait, so that it is named what was waited for, and a client may try again.
vi.setConfig({ testTimeout: 120_000 });

let dataDir: string;
let cluster: LocalCluster;
const closing: (() => Promise<unknown> | void)[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mosaic-abuse-'));
  const options = { gateways: 2, workers: 1, gatewaySettings: SETTINGS, report: () => {} };
  cluster = await startLocalCluster({ dataDir, ...options });
}, 120_000);
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(async () => {
  await cluster?.close();
  await rm(dataDir, { recursive: true, force: true });
}, 60_000);

/** A connection that counts what becomes of what it sends. */
class Stranger {
  readonly results: number[] = [];
  closing: number | undefined;
  #queriesClosed = 0;
  #secretKey = generateSecretKey();
  readonly #connection: RawConnection;

  constructor(connection: RawConnection) {
    this.#connection = connection;
    void this.#listen();
  }

  static async at(gateway: number): Promise<Stranger> {
    const { mtlsUrl, serverKeyHex } = cluster.gateways[gateway]!.facts!;
    const url = mtlsUrl!;
    const connection = await connectRaw({ url, serverKey: hexDecode(serverKeyHex!) });
    closing.push(() => connection.close());
    return new Stranger(connection);
  }

  get accepted(): number {
    return this.results.filter((result) => result === RESULT.ACCEPTED).length;
  }

  /** Sends records, one after the other, and waits for what becomes of them. */
  async flood(count: number): Promise<void> {
    const before = this.results.length;
    for (let n = 0; n < count; n++) this.#connection.send(encodeSubmission(this.#record().bytes));
    await until('results', () => this.results.length >= before + count || this.isOver);
  }

  /** Sends what nobody can read until it is sent away; no budget for submissions holds it up. */
  async misbehave(): Promise<number | undefined> {
    for (let n = 0; n < 100 && !this.isOver; n++) {
      this.#connection.send(UNREADABLE);
      const closed = this.#queriesClosed;
      await until('an answer', () => this.#queriesClosed > closed || this.isOver);
    }
    return this.closing;
  }

  get isOver(): boolean {
    return this.closing !== undefined;
  }

  async #listen(): Promise<void> {
    for await (const bytes of this.#connection) {
      const message = parseMessage(bytes);
      if (message.name === 'submissionResult') this.results.push(message.result);
      if (message.name === 'queryClosed') this.#queriesClosed += 1;
      if (message.name === 'closing') this.closing = message.result;
    }
  }

  #record(): RecordView {
    return buildRecord({
      kind: KNOWN_KINDS['microblog-root'],
      timestamp: timestampFromMillis(Date.now()),
      secretKey: this.#secretKey,
    });
  }
}

/** Runs `mosaic-admin` on the cluster. */
async function admin(...args: string[]): Promise<void> {
  const { PATH = '' } = process.env;
  const { settings } = cluster.workers[0]!.spec;
  const child = spawn(process.execPath, [ADMIN, ...args], {
    env: { PATH, ...settings },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(0);
}

it('gives a stranger one budget at two gateways together, and others theirs', async () => {
  const strangers = [await Stranger.at(0), await Stranger.at(1)];
  const startMs = performance.now();
  const accepted = (): number => strangers.reduce((sum, stranger) => sum + stranger.accepted, 0);
  const flood = (count: number) => Promise.all(strangers.map((stranger) => stranger.flood(count)));
  // Each gateway gives out little before the other knows of it, so all of it takes some rounds.
  for (let round = 0; round < 200 && accepted() < 0.9 * BURST; round++) await flood(20);
  expect(accepted()).toBeGreaterThanOrEqual(0.9 * BURST);
  for (let round = 0; round < 10; round++) await flood(50);
  const budget = BURST + (PER_SECOND * (performance.now() - startMs)) / 1000;
  expect(accepted()).toBeLessThanOrEqual(1.1 * budget);
  expect(strangers.map(({ closing: word }) => word)).toEqual([undefined, undefined]);
  const honest = await connectTo(cluster, 1, generateSecretKey());
  closing.push(() => honest.close());
  const record = buildRecord({
    kind: KNOWN_KINDS['microblog-root'],
    timestamp: timestampFromMillis(Date.now()),
    secretKey: generateSecretKey(),
  });
  expect(await honest.publish(record)).toMatchObject({ result: RESULT.ACCEPTED });
});

it('has a ban that somebody makes hold at all gateways', async () => {
  const strangers = [await Stranger.at(0), await Stranger.at(1)];
  await admin('bans', 'add', '127.0.0.1', '--for', '1h');
  for (const stranger of strangers) {
    await until('the ban', () => stranger.closing === RESULT.IP_TEMP_BANNED);
  }
  for (const gateway of [0, 1]) {
    const again = await Stranger.at(gateway);
    await until('the word', () => again.closing === RESULT.IP_TEMP_BANNED);
  }
  await admin('bans', 'remove', '127.0.0.1');
  await expect
    .poll(
      async () => {
        const stranger = await Stranger.at(1);
        await stranger.flood(1);
        return stranger.isOver;
      },
      { timeout: 20_000 },
    )
    .toBe(false);
});

it('has a ban that somebody earns at one gateway hold at the other, but for who proves a key', async () => {
  const honest = await connectTo(cluster, 1, generateSecretKey());
  closing.push(() => honest.close());
  const [abuser, elsewhere] = [await Stranger.at(0), await Stranger.at(1)];
  expect(await abuser.misbehave()).toBe(RESULT.IP_TEMP_BANNED);
  await until('the ban elsewhere', () => elsewhere.closing === RESULT.IP_TEMP_BANNED);
  const record = buildRecord({
    kind: KNOWN_KINDS['microblog-root'],
    timestamp: timestampFromMillis(Date.now()),
    secretKey: generateSecretKey(),
  });
  expect(await honest.publish(record)).toMatchObject({ result: RESULT.ACCEPTED });
});
