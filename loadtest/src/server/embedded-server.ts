/** Starts the project's own server on a new data folder, to be measured, and ends it again. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverEnvironment } from '../config.ts';
import { LoadError } from '../load-error.ts';
import { ServerChild } from './server-child.ts';

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

/** A server that runs. */
export class EmbeddedServer {
  readonly url: string;
  /** Of the listener for client certificates, where it is on. */
  readonly mtlsUrl: string | undefined;
  readonly #child: ServerChild;

  private constructor(child: ServerChild, url: string, mtlsUrl: unknown) {
    this.#child = child;
    this.url = url;
    this.mtlsUrl = typeof mtlsUrl === 'string' ? mtlsUrl : undefined;
  }

  get pid(): number {
    return this.#child.pid;
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
    const started = spawn(process.execPath, [...(options.nodeOptions ?? []), script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: serverEnvironment({
        MOSAIC_DATA_DIR: folder,
        MOSAIC_MTLS_LISTEN: listener === 'mtls' ? '127.0.0.1:0' : 'off',
        MOSAIC_UWS_LISTEN: listener === 'uws' ? '127.0.0.1:0' : 'off',
        MOSAIC_UWS_TLS: options.tls ? 'on' : 'off',
        ...(options.tls && listener === 'uws' ? { MOSAIC_UWS_ENGINE: 'uws' } : {}),
        MOSAIC_LIMITS: 'off',
        MOSAIC_LOG: 'json',
        ...options.settings,
      }),
    });
    const child = new ServerChild(started, folder);
    const ready: ReadyLine = await child.ready(START_TIMEOUT_MS);
    const url = listener === 'uws' ? ready.uwsUrl : ready.mtlsUrl;
    if (typeof url === 'string') return new EmbeddedServer(child, url, ready.mtlsUrl);
    await child.close();
    throw new LoadError('the server did not say where it listens');
  }

  /** Ends the server as an operator would, and removes its data. */
  close(): Promise<void> {
    return this.#child.close();
  }
}

interface ReadyLine {
  readonly uwsUrl?: unknown;
  readonly mtlsUrl?: unknown;
}
