/** What a killed process acknowledged is there when the log is opened again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSegmentLog } from './segment-log-files.ts';
import { fakeEntry, isSameEntry, scanAll, TestFolders } from './segment-log-fixture.ts';
import { KilledProcess, seedsOf } from './testing/killed-process.ts';

const ROUNDS = 8;
const FIRST_RECEIVED_AT = fakeEntry(0).receivedAt;

const folders = new TestFolders();
let killed: KilledProcess;
beforeAll(async () => {
  killed = await KilledProcess.of(new URL('segment-crash-child.ts', import.meta.url));
});
afterAll(async () => {
  await killed.close();
  await folders.close();
});

describe('kill -9', () => {
  it(`in the midst of appending, ${ROUNDS} times over, loses nothing acknowledged`, async () => {
    const directory = await folders.next();
    const acknowledged = new Set<number>();
    let seed = 0;
    let kept = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const appends = 1 + ((round * 97) % 300);
      const seeds = seedsOf(await killed.lines([directory, String(seed)], appends));
      expect(seeds.length).toBeGreaterThanOrEqual(appends);
      for (const one of seeds) acknowledged.add(one);
      const log = await openSegmentLog({ directory, role: 'outbox', freeBytesMin: 0 });
      const found = await scanAll(log);
      await log.close();
      const missing = new Set(acknowledged);
      for (const entry of found) {
        const number = Number(entry.receivedAt - FIRST_RECEIVED_AT);
        if (!isSameEntry(entry, fakeEntry(number))) throw new Error(`${number} is not intact`);
        missing.delete(number);
        seed = Math.max(seed, number + 1);
      }
      expect([...missing]).toEqual([]);
      expect(found.length).toBeGreaterThan(kept);
      kept = found.length;
    }
  });
});
