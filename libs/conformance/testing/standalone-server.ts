/** Starts the embedded server as its users do: as a process of its own, on a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A server that serves. */
export interface StandaloneServer {
  readonly mtlsUrl: string;
  readonly uwsUrl: string;
  readonly serverKeyHex: string;
  close(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../../../services/standalone/dist/main.js', import.meta.url));

/**
 * Starts a server.
 *
 * @param settings environment variables on top of those that every test server has
 * @throws Error where it is not built, or ends before it serves; with what it wrote
 */
export async function startStandaloneServer(
  settings: Readonly<Record<string, string>> = {},
): Promise<StandaloneServer> {
  if (!existsSync(MAIN)) throw new Error('services/standalone is not built: npm run build');
  const directory = await mkdtemp(join(tmpdir(), 'mosaic-conformance-'));
  const server = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env['PATH'],
      MOSAIC_DATA_DIR: directory,
      MOSAIC_MTLS_LISTEN: '127.0.0.1:0',
      MOSAIC_UWS_LISTEN: '127.0.0.1:0',
      MOSAIC_LOG: 'json',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const close = async (): Promise<void> => {
    if (server.exitCode === null && server.signalCode === null) {
      const ended = once(server, 'exit');
      server.kill('SIGTERM');
      await ended;
    }
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const ready = await readyLine(server);
    return { ...ready, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readyLine(server: ChildProcess): Promise<Omit<StandaloneServer, 'close'>> {
  const { stdout, stderr } = server;
  if (stdout === null || stderr === null) throw new Error('the server has no output');
  let complaints = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  for await (const line of createInterface({ input: stdout })) {
    const event = JSON.parse(line) as { event?: string } & Omit<StandaloneServer, 'close'>;
    if (event.event !== 'ready') {
      complaints += `${line}\n`;
      continue;
    }
    stdout.resume();
    return event;
  }
  throw new Error(`the server ended before it served:\n${complaints}`);
}
