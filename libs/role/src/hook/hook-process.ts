/**
 * Keeps an operator's program running: started without a shell and without the server's settings, started
 * again with longer and longer pauses when it ends, and ended with the server.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Logger } from '@mosaic-cluster/runtime';
import { LineSplitter } from './line-splitter.ts';

/** What a program is run with. */
export interface HookProcessOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly log: Logger;
  /** Told of every line that the program writes. */
  readonly onLine: (line: string) => void;
  /** The program is gone: what it was asked it will not answer. */
  readonly onGone: () => void;
  /** Between its end and its next start at first: 100 milliseconds by default. */
  readonly pauseMs?: number;
}

/** The longest pause, and how long a program must run for its next pause to be short again. */
const PAUSE_MS_MAX = 30_000;
/** How long a program may take to end by itself, and again after SIGTERM. */
const END_MS = 2000;
/** Lines of its error output that are logged in a second; the others are counted. */
const ERROR_LINES_MAX = 20;
const ERROR_LINE_CHARS_MAX = 1000;
/** Neither secrets nor anything else of the server's own. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

/** One program, run again and again. */
export class HookProcess {
  readonly #options: HookProcessOptions;
  #child: ChildProcessWithoutNullStreams | undefined;
  #startedMs = 0;
  #pauseMs: number;
  #timer: NodeJS.Timeout | undefined;
  #errorLines = 0;
  #errorSecond = 0;
  #isClosed = false;
  #gone: Promise<void> = Promise.resolve();
  /** Starts after the first. */
  restarts = 0;

  constructor(options: HookProcessOptions) {
    this.#options = options;
    this.#pauseMs = options.pauseMs ?? 100;
    this.#start();
  }

  /** Bytes that the program has not read yet; undefined: it does not run. */
  get unreadBytes(): number | undefined {
    return this.#child?.stdin.writableLength;
  }

  /** For how long it has been running, in milliseconds. */
  get ageMs(): number {
    return performance.now() - this.#startedMs;
  }

  /** Writes to a running program. */
  write(text: string): void {
    this.#child?.stdin.write(text);
  }

  /** Ends a program that is of no use; it is started again. */
  restart(why: string): void {
    this.#options.log.warn(`the policy hook is started again: ${why}`);
    this.#child?.kill('SIGKILL');
  }

  /** Ends the program: asks it to by the end of its input, then by SIGTERM, then kills it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return;
    child.stdin.end();
    const timers = [
      setTimeout(() => child.kill('SIGTERM'), END_MS),
      setTimeout(() => child.kill('SIGKILL'), 2 * END_MS),
    ];
    await this.#gone;
    for (const timer of timers) clearTimeout(timer);
  }

  #start(): void {
    const [program, ...args] = this.#options.command;
    const child = spawn(program!, args, { stdio: 'pipe', env: ENVIRONMENT, windowsHide: true });
    this.#child = child;
    this.#startedMs = performance.now();
    const lines = new LineSplitter((line) => this.#options.onLine(line));
    const errors = new LineSplitter((line) => this.#logError(line));
    child.stdout.on('data', (chunk: Buffer) => lines.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    // That it is gone is told by its end.
    child.stdin.on('error', () => {});
    this.#gone = new Promise((resolve) => {
      const end = (why: string): void => {
        // A program that cannot be started has no end of its own.
        if (this.#child === child) this.#ended(why);
        resolve();
      };
      child.on('error', (error) => end(error.message));
      child.on('exit', (code, signal) => end(`it ended with ${signal ?? `code ${code}`}`));
    });
  }

  #ended(why: string): void {
    this.#child = undefined;
    this.#options.onGone();
    if (this.#isClosed) return;
    const { pauseMs = 100, log } = this.#options;
    if (this.ageMs >= PAUSE_MS_MAX) this.#pauseMs = pauseMs;
    log.error(`the policy hook is gone and started again in ${this.#pauseMs} ms: ${why}`);
    this.#timer = setTimeout(() => {
      this.restarts += 1;
      this.#start();
    }, this.#pauseMs);
    this.#timer.unref();
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MS_MAX);
  }

  #logError(line: string): void {
    const { log } = this.#options;
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#errorSecond) {
      const missed = this.#errorLines - ERROR_LINES_MAX;
      if (missed > 0) log.warn(`the policy hook wrote ${missed} more lines of errors`);
      this.#errorSecond = second;
      this.#errorLines = 0;
    }
    this.#errorLines += 1;
    if (this.#errorLines > ERROR_LINES_MAX) return;
    log.info('the policy hook says', { line: line.slice(0, ERROR_LINE_CHARS_MAX) });
  }
}
