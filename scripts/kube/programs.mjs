// The programs of a control plane as children of this process: what they write is kept for whoever asks why.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { forget, watch } from '../../libs/test-servers/dist/index.js';

const LAST_CHARS = 2_000;

/** Programs that end together, the last first, also when this process is killed. */
export class Programs {
  #folder;
  #running = [];

  /** @param folder where logs are kept */
  constructor(folder) {
    this.#folder = folder;
  }

  start(program, args) {
    const log = openSync(this.#logOf(program), 'a');
    const child = spawn(program, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    if (child.pid !== undefined) watch(child.pid);
    this.#running.push({ program, child });
  }

  /** Programs that have ended although nobody told them to, with what they wrote last; undefined: none. */
  fault() {
    const gone = this.#running.filter(({ child }) => hasEnded(child));
    if (gone.length === 0) return undefined;
    return gone
      .map(({ program }) => `${basename(program)} ended: ${this.lastWords(program)}`)
      .join('\n');
  }

  lastWords(program) {
    return readFileSync(this.#logOf(program), 'utf8').slice(-LAST_CHARS);
  }

  async close() {
    for (const { child } of this.#running.splice(0).reverse()) await end(child);
  }

  #logOf(program) {
    return join(this.#folder, `${basename(program)}.log`);
  }
}

function hasEnded({ exitCode, signalCode }) {
  return exitCode !== null || signalCode !== null;
}

function end(child) {
  if (hasEnded(child)) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => {
      forget(child.pid);
      resolve();
    });
    child.kill('SIGKILL');
  });
}
