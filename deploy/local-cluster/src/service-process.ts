/**
 * One process of a cluster on one machine: started, followed, started again with growing pauses when
 * it dies, and asked to end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { forget, watch } from '@mosaic-cluster/test-servers';
import { serviceEnvironment } from './config.ts';
import { parseObject, readLine, type Report } from './report.ts';

/** A process to run. */
export interface ServiceSpec {
  /** Such as `gateway-1`. */
  readonly name: string;
  readonly service: 'gateway' | 'outbox' | 'inbox' | 'encryption';
  readonly settings: Readonly<Record<string, string>>;
  /** Options of its Node. */
  readonly nodeOptions?: readonly string[];
}

const HERE = fileURLToPath(new URL('../../../', import.meta.url));

/** What a service says when it serves. */
export interface ReadyFacts {
  readonly pid: number;
  /** Of its health port: `http://127.0.0.1:…`. */
  readonly health: string;
  readonly mtlsUrl?: string | null;
  readonly uwsUrl?: string | null;
  readonly serverKey?: string;
  readonly serverKeyHex?: string;
}

const PAUSE_FIRST_MS = 500;
const PAUSE_MS_MAX = 15_000;
/** Whoever ran for so long is started again without a pause. */
const STEADY_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;
const LAST_LINES_MAX = 5;
const READY_POLL_MS = 50;

/** Runs a service, again and again. */
export class ServiceProcess {
  readonly spec: ServiceSpec;
  /** The built checkout whose code it runs from its next start on: this one by default. */
  checkout: string;
  readonly #report: Report;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #facts: ReadyFacts | undefined;
  #isStopping = false;
  #failures = 0;
  #wake: (() => void) | undefined;
  #supervision: Promise<void> | undefined;
  /** Of the present attempt: what it said last, for the case that it fails. */
  #lastFault = '';

  constructor(spec: ServiceSpec, report: Report, checkout: string = HERE) {
    this.spec = spec;
    this.checkout = checkout;
    this.#report = report;
  }

  get name(): string {
    return this.spec.name;
  }

  /** What it said when it served; undefined: it does not at the moment. */
  get facts(): ReadyFacts | undefined {
    return this.#facts;
  }

  /** Its process at the moment; undefined: it has none. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Starts it; from then on it is started again whenever it dies.
   *
   * @throws Error with what it said where it ends before it serves for the first time
   */
  async start(): Promise<void> {
    await this.#attempt();
    this.#supervision = this.#supervise();
  }

  /** Sends it a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Resolves when it serves, also after it has died. */
  async untilServing(timeoutMs: number): Promise<ReadyFacts> {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      if (this.#facts !== undefined) return this.#facts;
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
    throw new Error(`${this.name} did not serve within ${timeoutMs} ms: ${this.#lastFault}`);
  }

  /** Asks it to end, and ends it where that takes too long. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wake?.();
    if (this.#child !== undefined) {
      this.#child.kill('SIGTERM');
      const late = setTimeout(() => {
        this.#say('error', `does not end within ${STOP_TIMEOUT_MS / 1000} s: killed`);
        this.#child?.kill('SIGKILL');
      }, STOP_TIMEOUT_MS);
      await this.#exited;
      clearTimeout(late);
    }
    await this.#supervision;
  }

  async #supervise(): Promise<void> {
    for (;;) {
      const startedAt = performance.now();
      await this.#exited;
      if (this.#isStopping) return;
      const wasSteady = performance.now() - startedAt > STEADY_MS;
      this.#failures = wasSteady ? 0 : this.#failures + 1;
      const pauseMs = Math.min(PAUSE_FIRST_MS * 2 ** Math.max(0, this.#failures - 1), PAUSE_MS_MAX);
      this.#say('warn', `started again in ${pauseMs / 1000} s`);
      await this.#pause(pauseMs);
      if (this.#isStopping) return;
      try {
        await this.#attempt();
        this.#say('info', 'serves again');
      } catch (error) {
        if (!this.#isStopping) this.#say('error', error instanceof Error ? error.message : '');
      }
    }
  }

  /** Starts it once; resolves when it serves, rejects when it ends before. */
  #attempt(): Promise<void> {
    const { service, settings, name, nodeOptions = [] } = this.spec;
    const main = join(this.checkout, 'services', service, 'dist/main.js');
    const args = ['--no-warnings', ...nodeOptions, main];
    const child = spawn(process.execPath, args, {
      env: serviceEnvironment(settings),
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C reaches whoever started it first, and then it, in order.
      detached: true,
    });
    this.#child = child;
    this.#lastFault = '';
    if (child.pid !== undefined) watch(child.pid);
    return new Promise((resolve, reject) => {
      this.#exited = new Promise((exited) => {
        const ended = (how: string): void => {
          if (child.pid !== undefined) forget(child.pid);
          if (this.#child === child) this.#child = undefined;
          this.#facts = undefined;
          if (!this.#isStopping) this.#say('warn', `ended ${how}`);
          reject(new Error(`${name} ended ${how} before it served: ${this.#lastFault}`));
          exited();
        };
        child.once('error', (error) => ended(`(${error.message})`));
        child.once('close', (code, signal) => ended(signal ? `by ${signal}` : `with ${code}`));
      });
      const lines: string[] = [];
      createInterface(child.stderr).on('line', (line) => this.#take(line, lines));
      createInterface(child.stdout).on('line', (line) => {
        const facts = parseObject(line);
        if (facts?.['event'] !== 'ready') {
          this.#take(line, lines);
          return;
        }
        this.#facts = facts as unknown as ReadyFacts;
        resolve();
      });
    });
  }

  #take(text: string, lines: string[]): void {
    const line = readLine(this.name, text);
    if (line.level === 'fatal' || line.level === 'error') {
      lines.push(line.message + (errorText(line.fields) ?? ''));
      this.#lastFault = lines.slice(-LAST_LINES_MAX).join('\n');
    }
    this.#report(line);
  }

  #say(level: string, message: string): void {
    this.#report({ from: this.name, level, message, fields: {} });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function errorText({ error }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof error !== 'object' || error === null || !('message' in error)) return undefined;
  return `: ${String(error.message)}`;
}
