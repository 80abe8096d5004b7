// The server that the crash test starts and kills: the real one, built, in a process of its own.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../services/standalone/dist/main.js', import.meta.url));

export class CrashTestServer {
  #process;
  #ended;
  url;
  startMs;

  static async start(dataDir, onLog) {
    const server = new CrashTestServer();
    const startedAt = performance.now();
    const env = {
      PATH: process.env.PATH,
      MOSAIC_DATA_DIR: dataDir,
      MOSAIC_MTLS_LISTEN: 'off',
      MOSAIC_UWS_LISTEN: '127.0.0.1:0',
      MOSAIC_UWS_TLS: 'off',
      MOSAIC_LIMITS: 'off',
      MOSAIC_FREE_BYTES_MIN: '0',
      // Small, so that crashes meet segments that are closed and begun as well.
      MOSAIC_SEGMENT_BYTES: '2MiB',
      MOSAIC_LOG: 'json',
      MOSAIC_LOG_LEVEL: 'warn',
    };
    const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    server.#process = child;
    server.#ended = new Promise((resolve) => {
      child.once('exit', resolve);
    });
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors = (errors + chunk).slice(-4000);
    });
    const ready = new Promise((resolve, reject) => {
      createInterface(child.stdout).on('line', (line) => {
        const event = line.startsWith('{"event":"ready"') ? JSON.parse(line) : undefined;
        if (event === undefined) onLog(line);
        else resolve(event);
      });
      server.#ended.then((code) => reject(new Error(`the server ended with ${code}: ${errors}`)));
    });
    ready.catch(() => {});
    server.url = (await ready).uwsUrl;
    server.startMs = performance.now() - startedAt;
    return server;
  }

  /** Resolves with the exit code, null after a signal that killed it. */
  async end(signal) {
    this.#process.kill(signal);
    return this.#ended;
  }
}
