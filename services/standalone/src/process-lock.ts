/**
 * Keeps a second process off a data folder. The lock is a local socket that the first one listens
 * on, so the system lets go of it however the process ends, and the second one can ask who holds it.
 */
import { createHash } from 'node:crypto';
import { lstat, realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { MosaicError } from '@mosaic-cluster/protocol';

/** Longest path that every system takes for a local socket. */
export const SOCKET_PATH_MAX = 100;
const ANSWER_TIMEOUT_MS = 1000;
const ATTEMPTS_MAX = 3;
/** Time in which a second process would take away a socket that replaced one left behind. */
const SETTLE_MS = 50;

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
 * @throws MosaicError `conflict` with code `folder-in-use`, naming the process that holds it;
 *   `unavailable` with code `folder` where no socket can be made
 */
export async function lockFolder(folder: string): Promise<ProcessLock> {
  const path = await socketPath(folder);
  let wasLeftBehind = false;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const server = await listenAt(path);
    if (server !== undefined) {
      if (!wasLeftBehind || (await isStillOurs(path))) return lockOf(server);
      // Not closed, for that would remove the other one's socket: it goes with this process.
      throw inUse(folder, 'that started at the same moment');
    }
    const socket = await inodeOf(path);
    const holder = await askHolder(path);
    if (holder !== undefined) throw inUse(folder, holder);
    wasLeftBehind = true;
    if (socket === (await inodeOf(path))) await rm(path, { force: true });
  }
  throw new MosaicError('conflict', 'folder-in-use', `${path} cannot be locked`);
}

/** The process that holds a folder's lock; undefined: nobody does. Takes no lock. */
export async function lockHolder(folder: string): Promise<string | undefined> {
  return askHolder(await socketPath(folder));
}

function inUse(folder: string, holder: string): MosaicError {
  return new MosaicError(
    'conflict',
    'folder-in-use',
    `the data folder ${folder} is in use by process ${holder}: stop that one first, or set MOSAIC_DATA_DIR to another folder`,
  );
}

/**
 * Whether the socket is the one that was made a moment ago. Two processes that both found a socket
 * left behind may both have removed it, the second one that of the first.
 */
async function isStillOurs(path: string): Promise<boolean> {
  const made = await inodeOf(path);
  await setTimeout(SETTLE_MS);
  return made !== undefined && made === (await inodeOf(path));
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).ino;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
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
      else {
        const message = `${path} cannot be made, which keeps a second process off: ${error.message}`;
        reject(new MosaicError('unavailable', 'folder', message, { cause: error }));
      }
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
