/**
 * The folder that a server keeps everything in. It is made at the first start and recognised at
 * later ones; what is not ours or not readable is named and left as it is.
 *
 *     mosaic.json     says that this is a data folder, and of which format
 *     server.key      the server's secret key, mosec0…, readable by its owner only
 *     segments/ROLE/  the records
 *     index/          finds them; can be rebuilt
 *     objects/        who is registered, what moderators decided
 *     control.sock    where a running server answers commands, for its owner only
 *     index.next/     an index that was made anew beside the server; the next start takes it over
 *     index.old/      the one before, if a start was cut short while it did so
 *     reindex/        where an index is being made anew
 */
import { mkdir, open, readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  decodeSecretKey,
  encodeSecretKey,
  generateSecretKey,
  MosaicError,
  type PublicKey,
  publicKeyOf,
  type SecretKey,
} from '@mosaic-cluster/protocol';
import { CONTROL_SOCKET } from './control-path.ts';
import { lockFolder, lockHolder, type ProcessLock } from './process-lock.ts';
import { REBUILT_INDEX_NAMES, takeOverIndex } from './rebuilt-index.ts';

const FORMAT = 1;
const MARKER = 'mosaic.json';
const KEY_FILE = 'server.key';
const LOCK = 'lock.sock';
const OURS: ReadonlySet<string> = new Set([
  MARKER,
  KEY_FILE,
  'segments',
  'index',
  'objects',
  LOCK,
  CONTROL_SOCKET,
  ...REBUILT_INDEX_NAMES,
]);

/** A data folder that this process holds. */
export interface DataFolder {
  readonly path: string;
  readonly serverSecretKey: SecretKey;
  readonly serverKey: PublicKey;
  /** Whether it was made just now. */
  readonly isNew: boolean;
  segments(role: string): string;
  readonly index: string;
  /** Whether the index was made anew beside the server that ran before, and taken over just now. */
  readonly hasNewIndex: boolean;
  /** Of the object store. */
  readonly objects: string;
  close(): Promise<void>;
}

/** A data folder that is looked at, whether a server holds it or not. */
export interface DataFolderView {
  readonly path: string;
  /** Names of the roles that have segments. */
  readonly roles: readonly string[];
  /** The process of the server that holds it; undefined: none does. */
  readonly holder: string | undefined;
  segments(role: string): string;
  readonly index: string;
  /** Of the object store. */
  readonly objects: string;
  /** The user that it belongs to, as the system numbers them; undefined: it has no such numbers. */
  readonly owner: number | undefined;
}

/**
 * Looks at a data folder. Takes no lock, reads no key, and changes nothing.
 *
 * @throws MosaicError `not-found` (`folder`) where it is none, `corrupt` (`folder-format`),
 *   `unavailable` (`folder`)
 */
export async function viewDataFolder(path: string): Promise<DataFolderView> {
  const names = await readdir(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw noDataFolder(path, 'it does not exist', cause);
    throw unavailable(path, cause);
  });
  if (!names.includes(MARKER)) throw noDataFolder(path, `it holds no ${MARKER}`);
  await checkMarker(path);
  const segments = names.includes('segments') ? join(path, 'segments') : undefined;
  const entries = segments === undefined ? [] : await readdir(segments, { withFileTypes: true });
  const { uid } = await stat(path);
  return {
    path,
    roles: entries.filter((entry) => entry.isDirectory()).map(({ name }) => name),
    holder: await lockHolder(path),
    segments: (role) => join(path, 'segments', role),
    index: join(path, 'index'),
    objects: join(path, 'objects'),
    owner: process.getuid === undefined ? undefined : uid,
  };
}

function noDataFolder(path: string, why: string, cause?: unknown): MosaicError {
  const message = `${path} is no Mosaic data folder: ${why}`;
  return new MosaicError('not-found', 'folder', message, { cause });
}

/**
 * Opens a data folder, making it where there is none.
 *
 * @throws MosaicError `conflict` (`folder-in-use`, `folder-foreign`), `corrupt`
 *   (`folder-format`, `server-key`), `unavailable` (`folder`): each names the file and the remedy
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  await makeFolder(path);
  // Looked at before the lock, which leaves a socket, and after it, for only then nobody else fills it.
  await isUnfilled(path);
  const lock = await lockFolder(path);
  try {
    const isNew = await isUnfilled(path);
    if (isNew) await create(path);
    await checkMarker(path);
    await checkContents(path);
    const serverSecretKey = await readServerKey(path);
    await mkdir(join(path, 'segments'), { recursive: true, mode: 0o700 });
    const hasNewIndex = await takeOverIndex(path).catch((cause: unknown) => {
      throw unavailable(path, cause);
    });
    return folderOf(path, { serverSecretKey, isNew, hasNewIndex }, lock);
  } catch (error) {
    await lock.close();
    throw error;
  }
}

function folderOf(
  path: string,
  found: Pick<DataFolder, 'serverSecretKey' | 'isNew' | 'hasNewIndex'>,
  lock: ProcessLock,
): DataFolder {
  return {
    path,
    ...found,
    serverKey: publicKeyOf(found.serverSecretKey),
    segments: (role) => join(path, 'segments', role),
    index: join(path, 'index'),
    objects: join(path, 'objects'),
    close: () => lock.close(),
  };
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw unavailable(path, cause);
  }
}

/** Whether the folder is to be filled: it is empty but for a first start that was cut short. */
async function isUnfilled(path: string): Promise<boolean> {
  const names = await namesIn(path);
  if (names.includes(MARKER)) return false;
  const foreign = names.find((name) => !isOfFirstStart(name));
  if (foreign === undefined) return true;
  throw new MosaicError(
    'conflict',
    'folder-foreign',
    `${path} is no Mosaic data folder: it holds "${foreign}" but no ${MARKER}. Set MOSAIC_DATA_DIR to an empty folder or to one that does not exist`,
  );
}

function isOfFirstStart(name: string): boolean {
  return name === LOCK || name === KEY_FILE || name.startsWith(`${MARKER}.`);
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (cause) {
    throw unavailable(path, cause);
  }
}

async function create(path: string): Promise<void> {
  const hasKey = (await namesIn(path)).includes(KEY_FILE);
  // A key from a first start that was cut short is as good as a new one, unless it is none.
  if (hasKey) await readServerKey(path);
  try {
    const text = `${JSON.stringify({ mosaicData: FORMAT, created: new Date().toISOString() })}\n`;
    // The marker comes last: a folder that has it has everything.
    if (!hasKey) await writeOnce(path, KEY_FILE, `${encodeSecretKey(generateSecretKey())}\n`);
    await writeOnce(path, MARKER, text);
  } catch (cause) {
    throw unavailable(path, cause);
  }
}

/** Writes a file whole or not at all, readable by its owner only. */
async function writeOnce(folder: string, name: string, text: string): Promise<void> {
  const temporary = join(folder, `${MARKER}.${name}.new`);
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(folder, name));
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function checkMarker(path: string): Promise<void> {
  const file = join(path, MARKER);
  const format = await readFile(file, 'utf8').then(formatOf, (cause: unknown) => {
    throw unavailable(file, cause);
  });
  if (format === FORMAT) return;
  const what = format === undefined ? 'cannot be read' : `is of format ${format}`;
  throw new MosaicError(
    'corrupt',
    'folder-format',
    `${file} ${what}; this server reads format ${FORMAT}. Restore it from a backup, or use the version that wrote it`,
  );
}

function formatOf(text: string): number | undefined {
  try {
    const { mosaicData } = JSON.parse(text) as { mosaicData?: unknown };
    return typeof mosaicData === 'number' ? mosaicData : undefined;
  } catch {
    return undefined;
  }
}

async function checkContents(path: string): Promise<void> {
  const names = await namesIn(path);
  const foreign = names.find((name) => !OURS.has(name) && !name.startsWith(`${MARKER}.`));
  if (foreign === undefined) return;
  throw new MosaicError(
    'conflict',
    'folder-foreign',
    `${join(path, foreign)} does not belong in a data folder: move it away`,
  );
}

async function readServerKey(path: string): Promise<SecretKey> {
  const file = join(path, KEY_FILE);
  const { mode } = await stat(file).catch((cause: unknown) => {
    throw unavailable(file, cause);
  });
  if ((mode & 0o077) !== 0) {
    throw new MosaicError(
      'conflict',
      'server-key',
      `${file} holds a secret but others may read it: chmod 600 it`,
    );
  }
  try {
    return decodeSecretKey((await readFile(file, 'utf8')).trimEnd());
  } catch (cause) {
    throw new MosaicError(
      'corrupt',
      'server-key',
      `${file} holds no mosec0 key. Restore it from a backup: without it the server is another one`,
      { cause },
    );
  }
}

function unavailable(path: string, cause: unknown): MosaicError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new MosaicError('unavailable', 'folder', `${path} cannot be used: ${why}`, { cause });
}
