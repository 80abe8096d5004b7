/** Starts the project's own server on a new data folder, to be measured, and ends it again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { serverEnvironment } from '../config.ts';
import { LoadError } from '../load-error.ts';

/** Which of the server's listeners is measured. */
export type ListenerName = 'uws' | 'mtls';

/** How to start a server. */
export interface EmbeddedServerOptions {
  /** Where its data folder is made; on the disk to be measured. */
  readonly parentFolder: string;
  readonly listener: ListenerName;
  /** Whether the uWS listener speaks TLS; the other one always does. */
  readonly tls: boolean;
  /** Options for Node, such as those of its profiler. */
  readonly nodeOptions?: readonly string[];
  /** Further settings of the server. */
  readonly settings?: Readonly<Record<string, string>>;
}

const START_TIMEOUT_MS = 30_000;
/** Time to stop, a profile's writing included; then the process is killed. */
const STOP_TIMEOUT_MS = 60_000;
/** A process that was killed may still be writing for a moment. */
const REMOVE = { recursive: true, force: true, maxRetries: 5 } as const;
/** Lines of its log that are shown when it fails. */
const LOG_LINES_MAX = 12;

/** A server that runs. */
export class EmbeddedServer {
  readonly url: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  /** If this process ends before the server, the server and its data go with it. */
  readonly #abandon = (): void => {
    this.#child.kill('SIGKILL');
    rmSync(this.#folder, REMOVE);
  };

  private constructor(child: ChildProcess, url: string, folder: string) {
    this.#child = child;
    this.url = url;
    this.pid = child.pid!;
    this.#folder = folder;
    process.once('exit', this.#abandon);
  }

  /** The file that starts the server. */
  static get script(): string {
    return fileURLToPath(new URL('../../../services/standalone/dist/main.js', import.meta.url));
  }

  /** @throws LoadError where it does not come up */
  static async start(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
    const { script } = EmbeddedServer;
    if (!existsSync(script)) throw new LoadError(`${script} is missing: run "npm run build"`);
    mkdirSync(options.parentFolder, { recursive: true });
    const folder = mkdtempSync(join(options.parentFolder, 'server-'));
    const { listener } = options;
    const child = spawn(process.execPath, [...(options.nodeOptions ?? []), script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: serverEnvironment({
        MOSAIC_DATA_DIR: folder,
        MOSAIC_MTLS_LISTEN: listener === 'mtls' ? '127.0.0.1:0' : 'off',
        MOSAIC_UWS_LISTEN: listener === 'uws' ? '127.0.0.1:0' : 'off',
        MOSAIC_UWS_TLS: options.tls ? 'on' : 'off',
        MOSAIC_LIMITS: 'off',
        MOSAIC_LOG: 'json',
        ...options.settings,
      }),
    });
    try {
      const ready = await readyLine(child);
      const url = listener === 'uws' ? ready.uwsUrl : ready.mtlsUrl;
      if (typeof url !== 'string') throw new LoadError('the server did not say where it listens');
      return new EmbeddedServer(child, url, folder);
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(folder, REMOVE);
      throw error;
    }
  }

  /** Ends the server as an operator would, and removes its data. */
  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(timer);
    }
    process.off('exit', this.#abandon);
    rmSync(this.#folder, REMOVE);
  }
}

interface ReadyLine {
  readonly uwsUrl?: unknown;
  readonly mtlsUrl?: unknown;
}

function readyLine(child: ChildProcess): Promise<ReadyLine> {
  return new Promise((resolve, reject) => {
    const log: string[] = [];
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new LoadError([`the server ${why}`, ...log].join('\n  ')));
    };
    const timer = setTimeout(() => fail('did not start in time'), START_TIMEOUT_MS);
    child.once('error', (error) => fail(`cannot be started: ${error.message}`));
    child.once('exit', (code, signal) => fail(`ended at once (${signal ?? code})`));
    const take = (line: string): void => {
      log.push(line);
      if (log.length > LOG_LINES_MAX) log.shift();
      const ready = parseReady(line);
      if (ready === undefined) return;
      clearTimeout(timer);
      resolve(ready);
    };
    // Both streams are read to their end: a full pipe would stop the server.
    if (child.stdout !== null) createInterface(child.stdout).on('line', take);
    if (child.stderr !== null) createInterface(child.stderr).on('line', take);
  });
}

function parseReady(line: string): ReadyLine | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value = JSON.parse(line) as ReadyLine & { event?: unknown };
    return value.event === 'ready' ? value : undefined;
  } catch {
    return undefined;
  }
}
