/** The real server, built, in a process of its own, for tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const OUTPUT_MAX = 20_000;

/** The line that says that it serves. */
export interface ReadyLine {
  readonly event: 'ready';
  readonly mtlsUrl: string | null;
  readonly uwsUrl: string | null;
  readonly serverKeyHex: string;
  readonly serverKey: string;
  readonly dataDir: string;
}

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Settings by name. */
export type Settings = Readonly<Record<string, string>>;

/** Any free port, no clutter, and no reserve that a test machine may not have. */
const USUAL: Settings = {
  MOSAIC_MTLS_LISTEN: '127.0.0.1:0',
  MOSAIC_UWS_LISTEN: '127.0.0.1:0',
  MOSAIC_FREE_BYTES_MIN: '0',
  MOSAIC_DRAIN_TIME: '200ms',
  MOSAIC_VERIFY_THREADS: '1',
};

/** A process of the server. */
export class ServerProcess {
  readonly ended: Promise<Ending>;
  /** Rejects with what it said where it ends before it serves. */
  readonly ready: Promise<ReadyLine>;
  readonly #child: ChildProcess;
  stdout = '';
  stderr = '';

  constructor(settings: Settings, args: readonly string[] = []) {
    const path = process.env['PATH'] ?? '';
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH: path, ...USUAL, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString()).slice(-OUTPUT_MAX);
    });
    const lines = createInterface(child.stdout);
    this.ended = new Promise((resolve) => {
      child.once('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }));
    });
    this.ready = new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        this.stdout = `${this.stdout}${line}\n`.slice(-OUTPUT_MAX);
        if (line.startsWith('{"event":"ready"')) resolve(JSON.parse(line) as ReadyLine);
      });
      void this.ended.then(({ code, stdout, stderr }) =>
        reject(new Error(`it ended with ${code}: ${stdout}${stderr}`)),
      );
    });
    this.ready.catch(() => {});
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ending> {
    this.#child.kill(signal);
    return this.ended;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }
}

/** Folders and processes of a test, gone after it. */
export class ServerLab {
  readonly #processes: ServerProcess[] = [];
  readonly #folders: string[] = [];

  /** The path of a folder that is not there yet. */
  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'mosaic-standalone-'));
    this.#folders.push(folder);
    return join(folder, 'data');
  }

  /** Starts a process; it may fail to serve. */
  spawn(settings: Settings, args: readonly string[] = []): ServerProcess {
    const server = new ServerProcess(settings, args);
    this.#processes.push(server);
    return server;
  }

  /** Starts a process and waits until it serves. */
  async start(settings: Settings): Promise<{ server: ServerProcess; ready: ReadyLine }> {
    const server = this.spawn(settings);
    return { server, ready: await server.ready };
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((each) => each.stop('SIGKILL')));
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }
}
