/** The embedded server in a process of its own, built, as an operator runs it. For tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN: string = fileURLToPath(new URL('../../standalone/dist/main.js', import.meta.url));

/** A server that serves. */
export interface RunningServer {
  readonly pid: number;
  /** Of the listener that takes client certificates. */
  readonly url: string;
  readonly serverKeyHex: string;
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** Starts a server on a data folder. @throws where it ends before it serves */
export async function startServer(
  dataFolder: string,
  settings: NodeJS.ProcessEnv = {},
): Promise<RunningServer> {
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      MOSAIC_DATA_DIR: dataFolder,
      MOSAIC_MTLS_LISTEN: '127.0.0.1:0',
      MOSAIC_UWS_LISTEN: 'off',
      MOSAIC_FREE_BYTES_MIN: '0',
      MOSAIC_DRAIN_TIME: '0s',
      MOSAIC_VERIFY_THREADS: '1',
      MOSAIC_LOG: 'json',
      ...settings,
    },
  });
  const ready = await readyLine(child);
  return {
    pid: child.pid ?? 0,
    url: ready.mtlsUrl,
    serverKeyHex: ready.serverKeyHex,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    },
  };
}

interface ReadyLine {
  readonly mtlsUrl: string;
  readonly serverKeyHex: string;
}

function readyLine(child: ChildProcess): Promise<ReadyLine> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    child.once('exit', (code) => reject(new Error(`it ended with ${code}\n${said.join('\n')}`)));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      said.push(line);
      if (line.startsWith('{"event":"ready"')) resolve(JSON.parse(line) as ReadyLine);
    });
  });
}
