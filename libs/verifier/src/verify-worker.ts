/** The script of a worker thread: takes batches of records, answers with their faults. */
import { parentPort, workerData } from 'node:worker_threads';
import { recordFaultOf } from '@mosaic-cluster/protocol';
import {
  type BatchMessage,
  type Fault,
  faultOf,
  unpackBatch,
  type WorkerMessage,
  type WorkerStart,
} from './batch.ts';
import { exactTools, fastTools } from './tools.ts';

const port = parentPort;
if (port === null) throw new Error('verify-worker runs as a worker thread only');

const { kind } = workerData as WorkerStart;
const loaded = kind === 'exact' ? exactTools() : await fastTools();

function send(message: WorkerMessage): void {
  port?.postMessage(message);
}

port.on('message', (message: BatchMessage) => {
  const faults: Fault[] = [];
  let index = 0;
  for (const record of unpackBatch(message)) {
    const fault = recordFaultOf(record, loaded.tools);
    if (fault !== undefined) faults.push(faultOf(index, fault));
    index += 1;
  }
  send({ name: 'answer', id: message.id, faults });
});

const fallbacks = loaded.fallbacks.map(({ code, message }) => ({ code, message }));
send({ name: 'ready', kind: loaded.kind, fallbacks });
