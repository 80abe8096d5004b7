/**
 * A trust store in a text file of its own: one line for each server, `host:port mosrv0…`. People
 * may read and edit it; what they write by mistake is named, never overwritten.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  decodeServerKey,
  encodeServerKey,
  equalBytes,
  MosaicError,
  type PublicKey,
} from '@mosaic-cluster/protocol';
import type { TrustStore } from './trust-store.ts';

/** Most bytes that are read of a file: some ten thousand servers. */
const FILE_BYTES_MAX = 1_048_576;

/**
 * A trust store in the file at `path`, which is made (with its folder, readable by its owner only)
 * when the first key is added. Every call reads the file again, so processes can share it; two that
 * add at the same moment may lose one addition, which the next connection makes again.
 *
 * Its calls throw MosaicError `corrupt` with code `trust-store` for a line that cannot be read.
 */
export function openTrustStoreFile(path: string): TrustStore {
  let turn: Promise<unknown> = Promise.resolve();
  return {
    async get(server) {
      return (await read(path)).get(server);
    },
    add(server, key) {
      const added = turn.then(() => add(path, server, key));
      turn = added.catch(() => {});
      return added;
    },
  };
}

async function add(path: string, server: string, key: PublicKey): Promise<void> {
  const keys = await read(path);
  const known = keys.get(server);
  if (known !== undefined) {
    if (equalBytes(known, key)) return;
    const message = `${path} holds another key for ${server}: ${encodeServerKey(known)}`;
    throw new MosaicError('conflict', 'trust-store', message);
  }
  keys.set(server, key);
  const lines = [...keys].map(([name, value]) => `${name} ${encodeServerKey(value)}\n`);
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, lines.join(''), { mode: 0o600, flag: 'wx' });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function read(path: string): Promise<Map<string, PublicKey>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    const message = `the trust store ${path} cannot be read`;
    throw new MosaicError('unavailable', 'trust-store', message, { cause: error });
  }
  if (text.length > FILE_BYTES_MAX) throw fault(path, 1, 'the file is too large', undefined);
  const keys = new Map<string, PublicKey>();
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const [server, key, ...rest] = line.trim().split(/\s+/);
    if (server === undefined || key === undefined || rest.length > 0 || keys.has(server)) {
      throw fault(path, at + 1, 'a line is "host:port mosrv0…", each server once', undefined);
    }
    try {
      keys.set(server, decodeServerKey(key));
    } catch (error) {
      throw fault(path, at + 1, 'its key cannot be read', error);
    }
  }
  return keys;
}

function fault(path: string, line: number, why: string, cause: unknown): MosaicError {
  const message = `the trust store ${path}, line ${line}: ${why}`;
  return new MosaicError('corrupt', 'trust-store', message, { cause });
}
