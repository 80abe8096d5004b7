/** What the figures were measured on, and what a signature costs there. */
import { statfsSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fastTools, nativeSigningTools } from '@mosaic-cluster/verifier';
import { RecordPlan } from '../records/record-plan.ts';

/** A machine. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  /** Processor time to check the signature of one record. */
  readonly signatureCheckMicros: number;
}

const RECORDS = 64;
const SAMPLES = 15;
const TMPFS = 0x0102_1994;

/** Describes this machine. */
export async function describeMachine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    node: process.version,
    signatureCheckMicros: await signatureCheckMicros(),
  };
}

/** Whether a folder is in memory: an fsync there costs nothing, and durability means nothing. */
export function isInMemory(folder: string): boolean {
  return statfsSync(folder).type === TMPFS;
}

/** The median of some samples, each of as many records by different authors. */
async function signatureCheckMicros(): Promise<number> {
  const plan = new RecordPlan(0, await nativeSigningTools());
  const { tools } = await fastTools();
  const checks = Array.from({ length: RECORDS }, (_, i) => {
    const record = plan.make(i);
    const prehash = tools.hash(record.signedData);
    return { signature: record.signature, prehash, key: record.signingKey };
  });
  const samples: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    const before = process.cpuUsage();
    for (const { signature, prehash, key } of checks) tools.verify(signature, prehash, key);
    const { user, system } = process.cpuUsage(before);
    samples.push((user + system) / RECORDS);
  }
  return samples.sort((a, b) => a - b)[Math.floor(SAMPLES / 2)]!;
}
