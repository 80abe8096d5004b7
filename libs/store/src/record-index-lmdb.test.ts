/** What LMDB adds to the contract: what is trusted at the start, foreign files, format. */
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type IndexEnvironment, openIndexEnvironment } from './index-environment.ts';
import { describeRecordIndex } from './record-index-contract.ts';
import { additionOf, keyNumber, present } from './record-index-fixture.ts';
import { describeOrderedCalls, type IndexUnderTest } from './record-index-model-contract.ts';

function openerOf(bounds: { transactionRowsMax?: number }): () => Promise<IndexUnderTest> {
  return async () => {
    const directory = await mkdtemp(join(tmpdir(), 'record-index-'));
    let environment = await openIndexEnvironment({ directory, ...bounds });
    return {
      index: environment.index('outbox'),
      reopen: async () => {
        await environment.close();
        environment = await openIndexEnvironment({ directory, ...bounds });
        return environment.index('outbox');
      },
      destroy: async () => {
        await environment.close();
        await rm(directory, { recursive: true });
      },
    };
  };
}

describeRecordIndex('LMDB', openerOf({}));
/** Two or three of the tests' records a transaction. */
const FEW_ROWS = { transactionRowsMax: 20 };
describeRecordIndex('LMDB, in many transactions', openerOf(FEW_ROWS), 30);
describeOrderedCalls('LMDB, in many transactions', openerOf(FEW_ROWS), 30);

describe('index environment', () => {
  let directory: string;
  let environment: IndexEnvironment | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'index-environment-'));
  });
  afterEach(async () => {
    await environment?.close();
    await rm(directory, { recursive: true });
  });

  const openAt = async (boot = 'this boot'): Promise<IndexEnvironment> => {
    environment = await openIndexEnvironment({ directory, bootId: () => boot });
    return environment;
  };
  const fill = async (): Promise<void> => {
    await (await openAt()).index('outbox').add([additionOf({})], Uint8Array.of(1));
  };
  const marker = async (): Promise<unknown> =>
    JSON.parse(await readFile(join(directory, 'marker.json'), 'utf8'));
  const forget = async (): Promise<void> => {
    // A marker as a process leaves it that was killed; the index itself is closed in an orderly way.
    const kept = await readFile(join(directory, 'marker.json'));
    await present(environment).close();
    await writeFile(join(directory, 'marker.json'), kept);
  };

  it('keeps the indexes of roles apart', async () => {
    await fill();
    expect(await present(environment).index('outbox').count()).toBe(1);
    expect(await present(environment).index('inbox').count()).toBe(0);
    expect(present(environment).index('outbox')).toBe(present(environment).index('outbox'));
    expect(() => present(environment).index('Out/box')).toThrow(/lower-case/);
  });

  it('trusts what was closed in an orderly way, after a new boot too', async () => {
    await fill();
    expect(await marker()).toEqual({ format: 2, state: 'open', boot: 'this boot' });
    await present(environment).close();
    expect(await marker()).toMatchObject({ format: 2, state: 'clean' });
    expect((await openAt('next boot')).rebuilt).toBeUndefined();
    expect(await present(environment).index('outbox').count()).toBe(1);
  });

  it('trusts what a killed process left within one boot', async () => {
    await fill();
    await forget();
    expect((await openAt('this boot')).rebuilt).toBeUndefined();
    expect(await present(environment).index('outbox').count()).toBe(1);
  });

  it('starts empty, and says why, when the machine stopped before the index was flushed', async () => {
    await fill();
    await forget();
    expect((await openAt('next boot')).rebuilt).toMatch(/the machine stopped/);
    expect(await present(environment).index('outbox').count()).toBe(0);
    expect(await present(environment).index('outbox').appliedTo()).toBeUndefined();
    expect(
      await present(environment)
        .index('outbox')
        .add([additionOf({})]),
    ).toEqual(['added']);
  });

  it('starts empty where the format is another', async () => {
    await fill();
    await present(environment).close();
    await writeFile(join(directory, 'marker.json'), '{"format":1,"state":"clean","bytes":1}');
    expect((await openAt()).rebuilt).toMatch(/format 1, this is format 2/);
  });

  it.each([
    ['its marker is gone', async () => rm(join(directory, 'marker.json')), /marker is missing/],
    [
      'its marker is no marker',
      async () => writeFile(join(directory, 'marker.json'), '{"format":2,"state":"cle'),
      /marker is missing or unreadable/,
    ],
    ['it was cut short', async () => truncate(join(directory, 'data.mdb'), 8_192), /and has 8192/],
    [
      'it is something else',
      async () => {
        const { bytes } = (await marker()) as { bytes: number };
        await writeFile(join(directory, 'data.mdb'), Buffer.alloc(bytes, 'not LMDB'));
      },
      /not one of LMDB/,
    ],
  ])('sets the data file aside and starts empty where %s', async (_, spoil, why) => {
    await fill();
    await present(environment).close();
    await spoil();
    const spoilt = await readFile(join(directory, 'data.mdb'));
    expect((await openAt()).rebuilt).toMatch(why);
    expect(await present(environment).index('outbox').count()).toBe(0);
    expect(await readFile(join(directory, 'damaged.mdb'))).toEqual(spoilt);
  });

  it('names a foreign file and touches nothing', async () => {
    await writeFile(join(directory, 'thesis.txt'), 'irreplaceable');
    await expect(openAt()).rejects.toMatchObject({
      code: 'index-foreign-file',
      message: expect.stringContaining(join(directory, 'thesis.txt')),
    });
    expect(await readdir(directory)).toEqual(['thesis.txt']);
  });

  it('is rebuilt at the next start after damage was met', async () => {
    const additions = Array.from({ length: 200 }, (_, n) => additionOf({ timestamp: n }));
    await (await openAt()).index('outbox').add(additions);
    await present(environment).close();
    const root = open<Uint8Array, Uint8Array>({ path: directory, maxDbs: 8 });
    const database = root.openDB('outbox', { keyEncoding: 'binary', encoding: 'binary' });
    const keys = [...database.getKeys({})];
    for (const key of keys) if (key[0] === 0x20) database.removeSync(key);
    await root.close();
    const bytes = (await stat(join(directory, 'data.mdb'))).size;
    await writeFile(
      join(directory, 'marker.json'),
      JSON.stringify({ format: 2, state: 'clean', bytes }),
    );
    const index = (await openAt()).index('outbox');
    const whole = index.scan({ path: 'author', author: keyNumber(1) }, { limit: 200 });
    await expect(whole).rejects.toMatchObject({ kind: 'corrupt', code: 'index-corrupt' });
    await present(environment).close();
    expect((await openAt()).rebuilt).toMatch(/damage was met: a page/);
    expect(await present(environment).index('outbox').add(additions)).toHaveLength(200);
  });

  it('leaves nothing behind of what was removed', async () => {
    const additions = Array.from({ length: 1_000 }, (_, n) =>
      additionOf({ timestamp: (n * 617) % 1_000, author: n % 3, nonce: n % 7, tags: [n % 12] }),
    );
    const index = (await openAt()).index('outbox');
    for (let n = 0; n < 1_000; n += 50) await index.add(additions.slice(n, n + 50));
    additions.sort((a, b) => present(a.record.bytes[20]) - present(b.record.bytes[20]));
    for (let n = 0; n < 1_000; n += 30) await index.remove(additions.slice(n, n + 30));
    expect(await index.count()).toBe(0);
    await present(environment).close();
    const root = open<Uint8Array, Uint8Array>({ path: directory, maxDbs: 8 });
    const database = root.openDB('outbox', { keyEncoding: 'binary', encoding: 'binary' });
    expect([...database.getKeys({ start: Buffer.of(0) })].map((key) => [...key])).toEqual([[0]]);
    await root.close();
  });
});
