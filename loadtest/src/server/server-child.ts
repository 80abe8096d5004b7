/** A server's process from its start to its ready line to its end, with the folder of its data. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { LoadError } from '../load-error.ts';

/** Time to stop, a profile's writing included; then the process is killed. */
const STOP_TIMEOUT_MS = 60_000;
/** A process that was killed may still be writing for a moment. */
const REMOVE = { recursive: true, force: true, maxRetries: 5 } as const;
/** Lines of its log that are shown when it fails. */
const LOG_LINES_MAX = 12;

/** A process that says when it serves, in a line of JSON with "event":"ready". */
export class ServerChild {
  readonly #child: ChildProcess;
  readonly #folder: string;
  /** If this process ends before the server, the server and its data go with it. */
  readonly #abandon = (): void => {
    this.#child.kill('SIGKILL');
    rmSync(this.#folder, REMOVE);
  };

  /** @param folder removed when the server has ended */
  constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    process.once('exit', this.#abandon);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Its ready line. @throws LoadError where it does not come up; it is ended then */
  async ready(timeoutMs: number): Promise<object> {
    try {
      return await readyLine(this.#child, timeoutMs);
    } catch (error) {
      await this.#end('SIGKILL');
      throw error;
    }
  }

  /** Ends the server as an operator would, and removes its data. */
  close(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(timer);
    }
    process.off('exit', this.#abandon);
    rmSync(this.#folder, REMOVE);
  }
}

function readyLine(child: ChildProcess, timeoutMs: number): Promise<object> {
  return new Promise((resolve, reject) => {
    const log: string[] = [];
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new LoadError([`the server ${why}`, ...log].join('\n  ')));
    };
    const timer = setTimeout(() => fail('did not start in time'), timeoutMs);
    child.once('error', (error) => fail(`cannot be started: ${error.message}`));
    child.once('exit', (code, signal) => fail(`ended at once (${signal ?? code})`));
    const take = (line: string): void => {
      log.push(line);
      if (log.length > LOG_LINES_MAX) log.shift();
      const ready = parseReadyLine(line);
      if (ready === undefined) return;
      clearTimeout(timer);
      resolve(ready);
    };
    // Both streams are read to their end: a full pipe would stop the server.
    if (child.stdout !== null) createInterface(child.stdout).on('line', take);
    if (child.stderr !== null) createInterface(child.stderr).on('line', take);
  });
}

/** The object of a ready line; undefined: the line is another one. */
export function parseReadyLine(line: string): object | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(line) as { event?: unknown };
    return value.event === 'ready' ? value : undefined;
  } catch {
    return undefined;
  }
}
