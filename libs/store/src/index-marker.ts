/**
 * The index's marker: a small file that says whether the index can be trusted. LMDB is not flushed
 * with every commit, so what it holds is whole after a crash of the process, when the operating
 * system still has the pages, and may be damaged after a crash of the machine.
 *
 * The file is one line of JSON: `{"format":2,"state":"open","boot":"…"}` while a process has the
 * index open, `{"format":2,"state":"clean","bytes":…}` after everything was flushed, and
 * `{"format":2,"state":"damaged","why":"…"}` once damage was met.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { dirname } from 'node:path';

/** Version of everything in the index's folder; another one is rebuilt from the log. */
export const INDEX_FORMAT = 2;

/** What a marker says. */
export type Marker =
  | { readonly format: number; readonly state: 'open'; readonly boot: string }
  | { readonly format: number; readonly state: 'clean'; readonly bytes: number }
  | { readonly format: number; readonly state: 'damaged'; readonly why: string };

/**
 * Names the time since the machine started: equal within it, different afterwards. Where the kernel
 * gives no such name it is the computed moment of the start, which a changed clock changes too; the
 * price of that is a needless rebuild, never a missed one.
 */
export function currentBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `started-${Math.round((Date.now() / 1_000 - uptime()) / 10)}`;
  }
}

/** Reads a marker. Undefined: there is none, or it is not whole. */
export async function readMarker(path: string): Promise<Marker | undefined> {
  try {
    const marker: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isMarker(marker) ? marker : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

function isMarker(value: unknown): value is Marker {
  if (typeof value !== 'object' || value === null) return false;
  const { format, state, boot, bytes, why } = value as Record<string, unknown>;
  if (typeof format !== 'number') return false;
  if (state === 'open') return typeof boot === 'string';
  if (state === 'clean') return typeof bytes === 'number';
  return state === 'damaged' && typeof why === 'string';
}

/**
 * Writes a marker so that it survives a crash of the machine. At once, because it may have to be
 * there before a transaction begins; that is so at starts and ends, and after a full disk.
 */
export function writeMarker(path: string, marker: Marker): void {
  const temporary = temporaryName(path);
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(file, `${JSON.stringify(marker)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Says at once that the index is damaged; best effort, as the disk may be the reason. */
export function markDamaged(path: string, why: string): void {
  const marker: Marker = { format: INDEX_FORMAT, state: 'damaged', why };
  try {
    writeFileSync(path, `${JSON.stringify(marker)}\n`, { mode: 0o600 });
  } catch {
    // The next start meets the damage again.
  }
}

/** Where a marker is written before it takes its name. */
export function temporaryName(path: string): string {
  return `${path}.new`;
}

/** Flushes a file. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
