/**
 * The process that the crash test kills: adds to the index in the folder named by its argument until
 * it dies, and writes one byte to stdout after every call. Each call takes several transactions.
 */
import { writeSync } from 'node:fs';
import { argv } from 'node:process';
import { readU32BE, writeU32BE } from '@mosaic-cluster/protocol';
import { openIndexEnvironment } from './index-environment.ts';
import { crashBatch } from './record-index-fixture.ts';

const environment = await openIndexEnvironment({ directory: argv[2]!, transactionRowsMax: 50 });
const index = environment.index('outbox');
const appliedTo = await index.appliedTo();
for (let n = appliedTo === undefined ? 0 : readU32BE(appliedTo, 0); ; n++) {
  const position = new Uint8Array(4);
  writeU32BE(position, 0, n + 1);
  await index.add(crashBatch(n), position);
  writeSync(1, '.');
}
