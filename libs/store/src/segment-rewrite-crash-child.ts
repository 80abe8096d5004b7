/**
 * The process that the crash test kills: appends to a log, writes its segments again without every third
 * record, and prints which records are stored.
 *
 *     node segment-rewrite-crash-child.mjs FOLDER FIRST_SEED
 */
import { writeSync } from 'node:fs';
import { hexEncode } from '@mosaic-cluster/protocol';
import { openSegmentLog } from './segment-log-files.ts';
import { fakeEntries, fakeRecord } from './segment-log-fixture.ts';

const STDOUT = 1;
const COMMIT_ENTRIES = 4;
const PAYLOAD_BYTES = 200;

const [directory = '', first = '0'] = process.argv.slice(2);
const gone = new Set<string>();
const forget = (seed: number): void => {
  if (seed % 3 === 0) gone.add(hexEncode(fakeRecord(seed, PAYLOAD_BYTES).id));
};
for (let seed = 0; seed < Number(first); seed++) forget(seed);
const bounds = { segmentBytesMax: 8192, freeBytesMin: 0 };
const log = await openSegmentLog({ directory, role: 'outbox', ...bounds });

async function rewriteAll(): Promise<void> {
  for (const { number } of log.segments()) {
    await log.rewrite(number, {
      mayGo: async (records) =>
        records.map(({ id }) => (gone.has(hexEncode(id)) ? 'removed' : undefined)),
      pace: async () => undefined,
    });
  }
}

for (let seed = Number(first), rewriting = rewriteAll(); ; seed += COMMIT_ENTRIES) {
  await log.append(fakeEntries(seed, COMMIT_ENTRIES, PAYLOAD_BYTES));
  for (let i = 0; i < COMMIT_ENTRIES; i++) forget(seed + i);
  writeSync(STDOUT, `${seed} ${COMMIT_ENTRIES}\n`);
  if ((seed / COMMIT_ENTRIES) % 8 !== 7) continue;
  await rewriting;
  rewriting = rewriteAll();
}
