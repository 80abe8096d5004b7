/** Real processes and real signals: the only way to know how a service ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { silentLogger } from './logger.ts';
import { type ProcessEvents, runToExitCode } from './run.ts';

// It runs the built library: build before testing.
const script = fileURLToPath(new URL('../test/process.mjs', import.meta.url));

interface Ended {
  readonly exitCode: number | null;
  readonly said: readonly string[];
  readonly log: string;
}

/** Starts the process, calls `onLine` for each line it says, and waits for its end. */
async function play(
  behaviour: string,
  onLine: (line: string, child: ChildProcess) => void = () => undefined,
): Promise<Ended> {
  const child = spawn(process.execPath, [script, behaviour]);
  const log = text(child.stderr);
  const said: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    said.push(line);
    onLine(line, child);
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, said, log: await log };
}

function killWhenUp(signal: NodeJS.Signals): (line: string, child: ChildProcess) => void {
  return (line, child) => {
    if (line === 'up') child.kill(signal);
  };
}

const CLOSED = ['closed second', 'closed first'];

describe('run', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('closes in order on %s and exits 0', async (signal) => {
    const ended = await play('service', killWhenUp(signal));
    expect(ended).toMatchObject({ exitCode: 0, said: ['up', ...CLOSED] });
    expect(ended.log).toContain(`stopping because ${signal} came`);
  });

  it('takes two signals at once for one', async () => {
    const ended = await play('twice');
    expect(ended).toMatchObject({ exitCode: 0, said: ['up', ...CLOSED] });
  });

  it('exits 1 and names what hangs, after closing the rest', async () => {
    const ended = await play('hang', killWhenUp('SIGTERM'));
    expect(ended).toMatchObject({ exitCode: 1, said: ['up', ...CLOSED] });
    expect(ended.log).toContain('stuck did not close');
  });

  it('is forced by a later second signal', async () => {
    let timer: NodeJS.Timeout | undefined;
    const ended = await play('stubborn', (line, child) => {
      if (line === 'up') child.kill('SIGTERM');
      if (line === 'closing') timer = setInterval(() => child.kill('SIGTERM'), 100);
    });
    clearInterval(timer);
    expect(ended).toMatchObject({ exitCode: 143, said: ['up', 'closing'] });
    expect(ended.log).toContain('SIGTERM came again');
  });

  it('can be stopped while it starts', async () => {
    const ended = await play('starting', killWhenUp('SIGTERM'));
    expect(ended).toMatchObject({ exitCode: 0, said: ['up', ...CLOSED] });
  });

  it('closes what comes up too late, and stops the start there', async () => {
    const ended = await play('late', killWhenUp('SIGTERM'));
    expect(ended.exitCode).toBe(0);
    expect([...ended.said].sort()).toEqual(['closed first', 'closed late', 'closed second', 'up']);
  });

  it('exits 1 when the start fails, after closing what was open', async () => {
    const ended = await play('fail');
    expect(ended).toMatchObject({ exitCode: 1, said: CLOSED });
    expect(ended.log).toContain('no disk');
  });

  it('reports a wrong configuration without a stack trace', async () => {
    const ended = await play('config');
    expect(ended.exitCode).toBe(1);
    expect(ended.log).toContain('MOSAIC_PORT is not set');
    expect(ended.log).not.toContain('config.js');
  });

  it('ends a command with the code it returns', async () => {
    expect(await play('command')).toMatchObject({ exitCode: 3, said: CLOSED });
  });

  it.each([
    ['rejection', 'unhandled rejection', 'nobody catches this'],
    ['exception', 'uncaught exception', 'nobody expects this'],
  ])('ends with 1 after an %s, having closed everything', async (behaviour, what, message) => {
    const ended = await play(behaviour);
    expect(ended).toMatchObject({ exitCode: 1, said: ['up', ...CLOSED] });
    expect(ended.log).toContain(what);
    expect(ended.log).toContain(message);
  });
});

describe('runToExitCode', () => {
  it('takes back every hook it has set', async () => {
    const hooked = new Set<string>();
    const processEvents: ProcessEvents = {
      on: (event) => hooked.add(event),
      off: (event) => hooked.delete(event),
    };
    const seen: string[] = [];
    const exitCode = await runToExitCode(
      async () => {
        seen.push(...hooked);
        return 0;
      },
      { log: silentLogger, processEvents },
    );
    expect(exitCode).toBe(0);
    expect(seen.sort()).toEqual(['SIGINT', 'SIGTERM', 'uncaughtException', 'unhandledRejection']);
    expect(hooked.size).toBe(0);
  });
});
