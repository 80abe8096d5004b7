/**
 * The real worker script with a fault in front of it, for the pool's tests. What it does is set
 * by the test through environment data: `faults` holds [crashes left, hangs left, bad starts left]
 * and each is spent on a batch that holds a record whose payload starts with "poison".
 */
import { getEnvironmentData, parentPort } from 'node:worker_threads';

const faults = getEnvironmentData('verifier-test-faults');
const marker = Buffer.from('poison');

/** Takes one off a count; whether there was one. */
function spend(index) {
  if (Atomics.load(faults, index) <= 0) return false;
  Atomics.sub(faults, index, 1);
  return true;
}

if (spend(2)) throw new Error('a bad start');

parentPort.on('message', ({ buffer }) => {
  if (!Buffer.from(buffer).includes(marker)) return;
  if (spend(0)) process.exit(3);
  if (spend(1)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});

await import('../dist/verify-worker.js');
