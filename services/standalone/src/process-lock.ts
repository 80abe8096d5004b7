/**
 * Keeps a second process off a data folder. The lock is a local socket that the first one listens
 * on, so the system lets go of it however the process ends, and the second one can ask who holds it.
 */
import { createHash } from 'node:crypto';
import { realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MosaicError } from '@mosaic-cluster/protocol';

/** Longest path that every system takes for a local socket. */
const SOCKET_PATH_MAX = 100;
const ANSWER_TIMEOUT_MS = 1000;
const ATTEMPTS_MAX = 3;

/** A lock that is held. */
export interface ProcessLock {
  close(): Promise<void>;
}

async function socketPath(folder: string): Promise<string> {
  const path = join(await realpath(folder), 'lock.sock');
  if (Buffer.byteLength(path) <= SOCKET_PATH_MAX) return path;
  const name = createHash('sha256').update(path).digest('hex').slice(0, 32);
  return join(tmpdir(), `mosaic-${name}.sock`);
}

/**
 * Takes the lock of a folder.
 *
 * @throws MosaicError `conflict` with code `folder-in-use`, naming the process that holds it
 */
export async function lockFolder(folder: string): Promise<ProcessLock> {
  const path = await socketPath(folder);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const server = await listenAt(path);
    if (server !== undefined) return lockOf(server);
    const holder = await askHolder(path);
    if (holder !== undefined) {
      throw new MosaicError(
        'conflict',
        'folder-in-use',
        `the data folder ${folder} is in use by process ${holder}: stop that one first, or set MOSAIC_DATA_DIR to another folder`,
      );
    }
    await rm(path, { force: true });
  }
  throw new MosaicError('conflict', 'folder-in-use', `${path} cannot be locked`);
}

function listenAt(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(String(process.pid));
    });
    server.unref();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => resolve(server));
  });
}

/** The process that listens; undefined: nobody does, the socket was left behind. */
function askHolder(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(path);
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
      socket.destroy();
      resolve(answer || 'unknown (it does not answer)');
    });
    socket.on('data', (chunk) => {
      answer += chunk.toString('utf8', 0, 16);
    });
    socket.once('error', () => resolve(undefined));
    socket.once('end', () => resolve(answer || 'unknown'));
  });
}

function lockOf(server: Server): ProcessLock {
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };
}
