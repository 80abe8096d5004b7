/** One server process: started, frozen, thawed, killed and started again at will. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { environmentWith } from './config.ts';
import { findServer, libraryPath, type ServerName } from './server-binary.ts';
import { forget, serversFolder, watch } from './watchdog.ts';

/** What every server under test can be told. */
export interface TestServer {
  /** Of the running process; another one after a restart. */
  readonly pid: number;
  /** Freezes it: it keeps its connections and answers nothing. */
  pause(): void;
  /** Goes on after {@link pause}. */
  resume(): void;
  /** Ends it at once, as a crash would. Its folder and ports stay for {@link restart}. */
  kill(): Promise<void>;
  /** Starts it again at the same ports over the same folder, ending it first where it runs. */
  restart(): Promise<void>;
  /** Ends it and removes its folder, unless that was given. */
  stop(): Promise<void>;
}

/** How a server is started. */
export interface ServerPlan {
  readonly name: ServerName;
  /** Its arguments, given the folder it may write to. */
  readonly args: (folder: string) => readonly string[];
  /** Whether it answers; asked again and again until it does. */
  readonly isReady: () => Promise<boolean>;
  /** What it may write to, kept when it stops; undefined: a folder that goes with this process. */
  readonly folder?: string | undefined;
}

const READY_TIMEOUT_MS = 20_000;
const READY_POLL_MS = 20;
const STOP_TIMEOUT_MS = 5_000;
const LOG_CHARS_SHOWN = 2_000;

/** Runs what a plan says. */
export class ServerProcess implements TestServer {
  /** What it may write to; its log is `server.log` in it. */
  readonly folder: string;
  readonly #plan: ServerPlan;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();

  constructor(plan: ServerPlan) {
    this.#plan = plan;
    if (plan.folder !== undefined) mkdirSync(plan.folder, { recursive: true, mode: 0o700 });
    this.folder = plan.folder ?? mkdtempSync(join(serversFolder(), `${plan.name}-`));
  }

  /** Resolves when the process that runs now has ended; at once where none runs. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#plan.name} does not run`);
    return pid;
  }

  /** What it wrote to its log so far. */
  get log(): string {
    return readFileSync(join(this.folder, 'server.log'), 'utf8');
  }

  /**
   * Starts it; resolves when it answers.
   *
   * @throws Error with the end of its log where it does not
   */
  async start(): Promise<void> {
    const { name, args } = this.#plan;
    const binary = await findServer(name);
    const log = openSync(join(this.folder, 'server.log'), 'a');
    const child = spawn(binary.path, args(this.folder), {
      cwd: this.folder,
      env: environmentWith(libraryPath(binary)),
      stdio: ['ignore', log, log],
      // A group of its own: Ctrl-C at a terminal must reach whoever started it first.
      detached: true,
    });
    closeSync(log);
    this.#exited = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => {
        if (child.pid !== undefined) forget(child.pid);
        if (this.#child === child) this.#child = undefined;
        resolve();
      });
    });
    if (child.pid !== undefined) watch(child.pid);
    // A test that forgets to stop it shall end nevertheless.
    child.unref();
    this.#child = child;
    await this.#untilReady();
  }

  pause(): void {
    this.signal('SIGSTOP');
    waitUntilStopped(this.pid);
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  /** Sends it any signal. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  async kill(): Promise<void> {
    if (this.#child === undefined) return;
    this.signal('SIGKILL');
    await this.#ended();
  }

  async restart(): Promise<void> {
    await this.#end();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#end();
    if (this.#plan.folder === undefined) rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    if (this.#child === undefined) return;
    this.resume();
    this.signal('SIGTERM');
    const isEnded = await Promise.race([
      this.#ended().then(() => true),
      delay(STOP_TIMEOUT_MS, false, { ref: false }),
    ]);
    if (!isEnded) await this.kill();
  }

  /** Waits for the process's end, which alone would not keep this one running. */
  async #ended(): Promise<void> {
    this.#child?.ref();
    await this.#exited;
  }

  async #untilReady(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (this.#child !== undefined && performance.now() < deadline) {
      if (await this.#plan.isReady()) return;
      await delay(READY_POLL_MS);
    }
    const why = this.#child === undefined ? 'ended at its start' : 'does not answer';
    await this.kill();
    throw new Error(`${this.#plan.name} ${why}:\n${this.log.slice(-LOG_CHARS_SHOWN)}`);
  }
}

/**
 * Starts a server whose ports are chosen freely; tries others where somebody else was faster.
 *
 * @param make builds the process anew, with new ports
 */
export async function startWithFreePorts<T extends ServerProcess>(
  make: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const server = await make();
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      if (attempt === 3) throw error;
    }
  }
}

/** Starts a server whose ports are given. */
export async function startedHere<T extends ServerProcess>(server: T): Promise<T> {
  await server.start();
  return server;
}

/** A signal only begins to stop a process: its threads may still answer for a moment. */
const STOP_WAIT_MS = 1000;

/** Waits, without letting anything else run, until every thread of a process has stopped. */
function waitUntilStopped(pid: number): void {
  const end = performance.now() + STOP_WAIT_MS;
  while (performance.now() < end && !isStopped(pid)) {
    // Nothing to do but look again.
  }
}

function isStopped(pid: number): boolean {
  try {
    const tasks = `/proc/${pid}/task`;
    return readdirSync(tasks).every((task) => {
      const stat = readFileSync(`${tasks}/${task}/stat`, 'utf8');
      return stat[stat.lastIndexOf(')') + 2] === 'T';
    });
  } catch {
    // Without /proc there is no telling; a thread that just ended is looked at again.
    return !existsSync('/proc/self/task');
  }
}
