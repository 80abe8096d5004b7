/**
 * The process that the crash test kills: appends without end and prints what was acknowledged, a
 * line `first count` per append.
 *
 *     node segment-crash-child.mjs DIRECTORY FIRST_SEED
 */
import { writeSync } from 'node:fs';
import { fakeEntries } from './segment-log-fixture.ts';
import { openSegmentLog } from './segment-log-files.ts';

const APPENDS_AT_A_TIME = 8;
const STDOUT = 1;

const [directory = '', firstSeed = '0'] = process.argv.slice(2);
const log = await openSegmentLog({
  directory,
  role: 'outbox',
  freeBytesMin: 0,
  segmentBytesMax: 64 * 1024,
});
let next = Number(firstSeed);

async function appendForEver(): Promise<void> {
  for (;;) {
    const first = next;
    const count = 1 + (first % 5);
    next += count;
    await log.append(fakeEntries(first, count));
    // Synchronously: the kernel has the line before anything else happens.
    writeSync(STDOUT, `${first} ${count}\n`);
  }
}

await Promise.all(Array.from({ length: APPENDS_AT_A_TIME }, appendForEver));
