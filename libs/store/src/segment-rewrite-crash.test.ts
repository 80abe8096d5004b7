/** A server that is killed while it writes segments again has every record that was to stay, each once. */
import { readdir } from 'node:fs/promises';
import { hexEncode } from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSegmentLog } from './segment-log-files.ts';
import { fakeRecord, scanAll, TestFolders } from './segment-log-fixture.ts';
import { KilledProcess, seedsOf } from './testing/killed-process.ts';

const ROUNDS = 3;
const PAYLOAD_BYTES = 200;

const folders = new TestFolders();
let killed: KilledProcess;
beforeAll(async () => {
  killed = await KilledProcess.of(new URL('segment-rewrite-crash-child.ts', import.meta.url));
}, 120_000);
afterAll(async () => {
  await Promise.all([folders.close(), killed.close()]);
});

it('kill -9 loses nothing, whenever it comes', { timeout: 120_000 }, async () => {
  const directory = await folders.next();
  const idOf = (seed: number): string => hexEncode(fakeRecord(seed, PAYLOAD_BYTES).id);
  let next = 0;
  const stored: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const lines = await killed.lines([directory, String(next)], 20 + round * 31);
    const seeds = seedsOf(lines);
    stored.push(...seeds);
    // What was written and not told of is there or not.
    const told = Math.max(...seeds) + 1;
    const log = await openSegmentLog({ directory, role: 'outbox', freeBytesMin: 0 });
    const entries = await scanAll(log);
    const found = entries.map(({ record }) => hexEncode(record.id));
    expect(new Set(found).size).toBe(found.length);
    const there = new Set(found);
    expect(stored.filter((seed) => seed % 3 !== 0 && !there.has(idOf(seed)))).toEqual([]);
    const read = await log.read(entries.map(({ location }) => location));
    expect(read.map(({ record }) => hexEncode(record.id))).toEqual(found);
    expect(found.length).toBeLessThan(round === 0 ? Infinity : stored.length);
    expect((await readdir(directory)).filter((name) => name.endsWith('.new'))).toEqual([]);
    await log.close();
    next = told + 400 - (told % 4);
  }
});
