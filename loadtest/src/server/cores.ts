/** Keeps processes to some of the machine's processors, so that what a cluster makes of one more shows. */
import { readFileSync } from 'node:fs';
import { LoadError } from '../load-error.ts';

/** A command line that runs on the processors given; undefined: on all. */
export function onCores(
  command: readonly string[],
  cores: readonly number[] | undefined,
): readonly string[] {
  return cores === undefined ? command : ['taskset', '-c', cores.join(','), ...command];
}

/** The processors that this process may use, by number. @throws LoadError where this is not Linux */
export function allowedCores(status?: string): number[] {
  const text = status ?? ownStatus();
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(text)?.[1];
  if (list === undefined) throw new LoadError('/proc does not say which processors there are');
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  });
}

function ownStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch (cause) {
    throw new LoadError('processes can be kept to processors on Linux only', { cause });
  }
}
