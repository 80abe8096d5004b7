/**
 * Puts what profiles and the kernel say of a server's processes together: which part of it takes how
 * much processor time. Profiles are of wall time, so that they give shares; the kernel gives the time.
 */
import type { ProcessGroup, Phase } from '../server/server-watch.ts';
import { byModule, type FunctionTime } from './cpu-profile.ts';

/** Processor time by part, in microseconds. */
export type Parts = ReadonlyMap<string, number>;

/** The profile of a process's main thread. */
export interface MainThread {
  readonly pid: number;
  readonly times: readonly FunctionTime[];
}

/** Packages that do one thing together. */
const PARTS: readonly (readonly [part: string, modules: RegExp])[] = [
  ['Redis driver', /^(ioredis|redis-parser|redis-errors|@ioredis\/|denque|standard-as-callback)/],
  ['NATS driver', /^@nats-io\//],
  ['S3 driver', /^(@aws-sdk|@smithy|@aws-crypto)\//],
  ['LMDB driver', /^(lmdb|msgpackr|ordered-binary)/],
  ['libs/protocol and hashes', /^(libs\/protocol|@noble\/)/],
  ['Node: sockets, timers, events', /^node$/],
  ['system calls and native code', /^\((program|native)\)$/],
];

/** Names of what is known as a whole only. */
export const OTHER_THREADS = 'other threads: signatures, files, collector';
const WHOLE = 'the server itself';

/** The part that a module belongs to. */
export function partOf(module: string): string {
  return PARTS.find(([, modules]) => modules.test(module))?.[0] ?? module;
}

/** Processor time of the processes of a group in a phase, by part. */
export function partsOf(
  { name, pids }: ProcessGroup,
  phase: Phase,
  profiles: readonly MainThread[],
): Parts {
  const parts = new Map<string, number>();
  const add = (part: string, micros: number): void => {
    if (micros > 0) parts.set(part, (parts.get(part) ?? 0) + micros);
  };
  const own = profiles.filter(({ pid }) => pids.includes(pid));
  let main = 0;
  for (const { pid, times } of own) {
    // Linux gives a process's first thread the number of the process.
    const micros = phase.threadMicros.get(pid) ?? 0;
    main += micros;
    const busy = times.filter((each) => each.name !== '(idle)');
    const sampled = busy.reduce((sum, { selfMicros }) => sum + selfMicros, 0);
    for (const [module, selfMicros] of byModule(busy)) {
      add(partOf(module), (micros * selfMicros) / sampled);
    }
  }
  const all = phase.groupMicros.get(name) ?? sumOfThreads(phase);
  add(own.length === 0 ? WHOLE : OTHER_THREADS, all - main);
  return parts;
}

function sumOfThreads({ threadMicros }: Phase): number {
  return [...threadMicros.values()].reduce((sum, micros) => sum + micros, 0);
}
