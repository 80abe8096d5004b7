/** Looks at a server's processes again and again, so that a peak in between is seen. */
import type { ProcessReader } from '../../server/process-usage.ts';

/** Between two looks. */
const LOOK_MS = 200;

/** What a server used in a phase. */
export interface PhaseUsage {
  /** Processor time per second of the phase; 1,000,000 is a whole core. */
  readonly cpuMicrosPerSecond: number;
  /** Memory of its own at the end, and most of it in between. */
  readonly ownBytes: number;
  readonly ownBytesMax: number;
}

/** Runs a phase, watching. */
export async function watched<T>(
  reader: ProcessReader,
  pids: readonly number[],
  phase: () => Promise<T>,
): Promise<{ readonly result: T; readonly usage: PhaseUsage }> {
  const before = reader.usage(pids).cpuMicros;
  const startMs = performance.now();
  let ownBytesMax = 0;
  const look = (): number => {
    const { ownBytes } = reader.memory(pids);
    ownBytesMax = Math.max(ownBytesMax, ownBytes);
    return ownBytes;
  };
  let failure: unknown;
  const timer = setInterval(() => {
    try {
      look();
    } catch (error) {
      failure ??= error;
    }
  }, LOOK_MS);
  const result = await phase().finally(() => clearInterval(timer));
  if (failure !== undefined) throw failure;
  const seconds = (performance.now() - startMs) / 1000;
  const cpuMicros = reader.usage(pids).cpuMicros - before;
  const ownBytes = look();
  return {
    result,
    usage: { cpuMicrosPerSecond: cpuMicros / seconds, ownBytes, ownBytesMax },
  };
}
