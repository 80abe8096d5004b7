/** Protects which processors a measurement is kept to. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { allowedCores, onCores } from './cores.ts';

describe('allowedCores', () => {
  it('reads what the kernel allows', () => {
    expect(allowedCores('Name:\tnode\nCpus_allowed_list:\t0-1\n')).toEqual([0, 1]);
    expect(allowedCores('Cpus_allowed_list:\t3,8-10,12\n')).toEqual([3, 8, 9, 10, 12]);
    expect(() => allowedCores('Name:\tnode\n')).toThrow(/which processors there are/);
    expect(allowedCores().length).toBeGreaterThan(0);
  });
});

describe('onCores', () => {
  it('keeps a process, and what it starts, to the processors given', () => {
    const [first] = allowedCores();
    const [command, ...words] = onCores(['cat', '/proc/self/status'], [first!]);
    expect(allowedCores(execFileSync(command!, words, { encoding: 'utf8' }))).toEqual([first]);
    expect(onCores(['node', 'x'], undefined)).toEqual(['node', 'x']);
  });
});
