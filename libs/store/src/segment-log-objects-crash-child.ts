/**
 * The process that the crash test kills: appends without end and prints what was acknowledged, a
 * line `first count` per append.
 *
 *     node segment-log-objects-crash-child.mjs FIRST_SEED STORE_OPTIONS_AS_JSON
 */
import { writeSync } from 'node:fs';
import { openFileObjectStore } from './object-store-files.ts';
import { openS3ObjectStore, type S3ObjectStoreOptions } from './object-store-s3.ts';
import { fakeEntries } from './segment-log-fixture.ts';
import { openObjectSegmentLog } from './segment-log-objects.ts';

const APPENDS_AT_A_TIME = 8;
const STDOUT = 1;

const [firstSeed = '0', json = ''] = process.argv.slice(2);
const options = JSON.parse(json) as { directory: string } | S3ObjectStoreOptions;
const store = await ('directory' in options
  ? openFileObjectStore(options)
  : openS3ObjectStore(options));
const log = await openObjectSegmentLog({ store, role: 'outbox', commitIntervalMs: 1 });
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
