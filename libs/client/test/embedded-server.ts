/**
 * The embedded server in a process of its own, built, as an operator runs it. For tests of the
 * command, which is to be tried against the real thing.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url));
const MAIN: string = fileURLToPath(
  new URL('../../../services/standalone/dist/main.js', import.meta.url),
);
const START_TIMEOUT_MS = 30_000;

/** What the server says of itself once it serves. */
interface Ready {
  readonly mtlsUrl: string;
  readonly uwsUrl: string;
  readonly serverKey: string;
  readonly serverKeyHex: string;
}

/** A server that runs. */
export interface EmbeddedServer extends Ready {
  /** Ends it, as an operator or as a power cut would; resolves when it is gone. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Lets it hang, its connections open, until `resume`. */
  pause(): void;
  resume(): void;
}

/** Compiles the server and what it needs. */
export async function buildServer(): Promise<void> {
  const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
  try {
    await promisify(execFile)(process.execPath, [tsc, '-b', 'services/standalone'], { cwd: ROOT });
  } catch (error) {
    // What is wrong stands on the compiler's standard output, which the error leaves out.
    throw new Error(`the server does not compile:\n${(error as { stdout?: string }).stdout}`, {
      cause: error,
    });
  }
}

/**
 * Starts a server.
 *
 * @param dataFolder its data: made where it is missing, gone on with where it is there
 * @param settings further settings, or others than two listeners on ports of their own
 */
export async function startEmbeddedServer(
  dataFolder: string,
  settings: NodeJS.ProcessEnv = {},
): Promise<EmbeddedServer> {
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      MOSAIC_DATA_DIR: dataFolder,
      MOSAIC_MTLS_LISTEN: '127.0.0.1:0',
      MOSAIC_UWS_LISTEN: '127.0.0.1:0',
      MOSAIC_LOG: 'json',
      ...settings,
    },
  });
  try {
    return {
      ...(await ready(child)),
      stop: (signal = 'SIGTERM') => stop(child, signal),
      pause: () => void child.kill('SIGSTOP'),
      resume: () => void child.kill('SIGCONT'),
    };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

async function stop(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

function ready(child: ChildProcess): Promise<Ready> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const timer = setTimeout(() => fail('no answer'), START_TIMEOUT_MS);
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`the server did not start: ${why}\n${said.slice(-12).join('\n')}`));
    };
    child.on('error', (error) => fail(error.message));
    child.on('exit', (code) => fail(`it ended with ${code}`));
    child.stderr!.on('data', (chunk: Uint8Array) => said.push(String(chunk)));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      said.push(line);
      if (!line.includes('"event":"ready"')) return;
      clearTimeout(timer);
      resolve(JSON.parse(line) as Ready);
    });
  });
}
