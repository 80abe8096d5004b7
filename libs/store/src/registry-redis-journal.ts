/**
 * What changed in a registry on Redis lately, so that whoever has read all of a collection need not do so
 * again for each change of anything. Redis keeps a string of entries, the newest first and cut off at its
 * end:
 *
 *     the version before, the version after, bytes of the body in decimal, each with a line end behind; the body
 *     body: `f` and names of facts, or `c` and names of collections, each [bytes of the name 2 BE] [name];
 *           or `*`: anything may have changed
 *
 * A process that knows nothing of this changes the version and writes no entry. Then no chain of entries
 * leads from what somebody has seen to what is there, and anything may have changed.
 */
import type { FactBlock } from './fact-block.ts';

/**
 * The keys that changed, by collection; `many`: more than are told one by one. What is not named is as it
 * was.
 */
export type ChangedKeys = ReadonlyMap<string, readonly Uint8Array[] | 'many'>;

/** Bytes of the string on Redis. */
export const JOURNAL_BYTES_MAX = 32_768;
/** Names in an entry, and their bytes; beyond them the entry names collections. */
const NAMES_MAX = 256;
const BODY_BYTES_MAX = 8_192;
/** Collections in an entry. */
const COLLECTIONS_MAX = 64;

const FACTS = 'f';
const COLLECTIONS = 'c';
const ANYTHING = '*';

/** The body of an entry about facts. */
export function journalBody(block: FactBlock): Buffer {
  const names: Uint8Array[] = [];
  let bytes = 1;
  for (let at = 0; at < block.count && at <= NAMES_MAX && bytes <= BODY_BYTES_MAX; at++) {
    const { name } = block.at(at);
    names.push(name);
    bytes += 2 + name.length;
  }
  if (names.length <= NAMES_MAX && bytes <= BODY_BYTES_MAX) return bodyOf(FACTS, names);
  const collections = block.collections(COLLECTIONS_MAX + 1);
  if (collections.length > COLLECTIONS_MAX) return bodyOf(ANYTHING, []);
  return bodyOf(
    COLLECTIONS,
    collections.map((name) => Buffer.from(name, 'latin1')),
  );
}

/**
 * What changed between two versions.
 *
 * @returns undefined: that is not known
 */
export function changesBetween(
  journal: Buffer,
  before: string,
  after: string,
): ChangedKeys | undefined {
  const changed = new Map<string, Uint8Array[] | 'many'>();
  let wanted = after;
  for (let at = 0; ; ) {
    const entry = entryAt(journal, at);
    if (entry === undefined) return undefined;
    at = entry.end;
    // What came since is for the next look.
    if (wanted === after && entry.after !== after) continue;
    if (entry.after !== wanted || !take(changed, entry.body)) return undefined;
    if (entry.before === before) return changed;
    wanted = entry.before;
  }
}

interface Entry {
  readonly before: string;
  readonly after: string;
  readonly body: Buffer;
  readonly end: number;
}

/** Undefined: the journal ends before, or is cut off there. */
function entryAt(journal: Buffer, start: number): Entry | undefined {
  const lines: string[] = [];
  let at = start;
  for (let n = 0; n < 3; n++) {
    const end = journal.indexOf('\n', at);
    if (end < 0) return undefined;
    lines.push(journal.toString('latin1', at, end));
    at = end + 1;
  }
  const [before = '', after = '', length = ''] = lines;
  const end = at + Number(length);
  if (!(end <= journal.length)) return undefined;
  return { before, after, body: journal.subarray(at, end), end };
}

/** @returns false: anything may have changed */
function take(changed: Map<string, Uint8Array[] | 'many'>, body: Buffer): boolean {
  const kind = body.toString('latin1', 0, 1);
  if (kind !== FACTS && kind !== COLLECTIONS) return false;
  for (let at = 1; at + 2 <= body.length; ) {
    const end = at + 2 + body.readUInt16BE(at);
    const name = body.subarray(at + 2, end);
    at = end;
    if (kind === COLLECTIONS) {
      changed.set(name.toString('latin1'), 'many');
      continue;
    }
    const split = name.indexOf(0);
    const collection = name.toString('latin1', 0, split);
    const keys = changed.get(collection) ?? [];
    const key = Uint8Array.from(name.subarray(split + 1));
    if (keys === 'many' || keys.some((each) => Buffer.compare(each, key) === 0)) continue;
    keys.push(key);
    changed.set(collection, keys);
  }
  return true;
}

function bodyOf(kind: string, names: readonly Uint8Array[]): Buffer {
  const pieces = names.flatMap((name) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(name.length);
    return [length, name];
  });
  return Buffer.concat([Buffer.from(kind), ...pieces]);
}
