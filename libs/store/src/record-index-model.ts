/** The record index as a list that is searched from end to end: what every real one is held to. */
import {
  compareBytes,
  concatBytes,
  coreTag,
  encodeTag,
  encodeTimestamp,
  equalBytes,
  hexEncode,
  parseKeySchedule,
  type PublicKey,
  type RecordView,
  type Reference,
} from '@mosaic-cluster/protocol';
import {
  type AddOutcome,
  type IndexAddition,
  type IndexedRecord,
  type IndexPath,
  POSITION_BYTES,
  type ScanRange,
} from './record-index.ts';

/** An entry in plain values. */
export interface ModelEntry {
  readonly position: string;
  readonly location: string;
  readonly held: boolean;
}

/** The model. */
export class ModelIndex {
  readonly #additions = new Map<string, IndexAddition>();
  readonly #released = new WeakSet<IndexAddition>();

  get count(): number {
    return this.#additions.size;
  }

  /** All that is there, in the order in which it came. */
  get all(): readonly IndexAddition[] {
    return [...this.#additions.values()];
  }

  /** What holds a replaceable record's address. */
  holder(address: Uint8Array): IndexAddition | undefined {
    return this.all.find(({ record }) => equalBytes(record.address, address));
  }

  /** Adds the additions of one call. */
  add(additions: readonly IndexAddition[]): AddOutcome[] {
    const before = new Set(this.#additions.keys());
    return additions.map((addition) => this.#add(addition, before));
  }

  #add(addition: IndexAddition, before: ReadonlySet<string>): AddOutcome {
    const { record, replaces } = addition;
    const id = hexEncode(record.id);
    if (this.#additions.has(id)) return 'duplicate';
    if (record.duplicateHandling === 'replaceable') {
      const holder = this.holder(record.address);
      if (holder !== undefined) {
        if (compareBytes(holder.record.id, record.id) > 0) return 'outdated';
        const holderId = hexEncode(holder.record.id);
        const named = replaces !== undefined && hexEncode(replaces.record.id) === holderId;
        if (before.has(holderId) && !named) return 'conflict';
        this.#additions.delete(holderId);
      }
    }
    this.#additions.set(id, { ...addition });
    return 'added';
  }

  remove(records: readonly IndexedRecord[]): void {
    for (const { record } of records) this.#additions.delete(hexEncode(record.id));
  }

  release(ids: readonly Reference[]): void {
    for (const id of ids) {
      const addition = this.#additions.get(hexEncode(id));
      if (addition !== undefined) this.#released.add(addition);
    }
  }

  lookup(id: Reference): ModelEntry | undefined {
    const addition = this.#additions.get(hexEncode(id));
    return addition === undefined ? undefined : entryOf(addition, positionOf(addition, false));
  }

  scan(path: IndexPath, { below, from, limit }: ScanRange): ModelEntry[] {
    const received = path.path === 'received';
    return this.all
      .filter((addition) => isOnPath(addition, path))
      .filter((addition) => path.path !== 'held' || !this.#released.has(addition))
      .map((addition) => ({ addition, position: positionOf(addition, received) }))
      .filter(({ position }) => below === undefined || compareBytes(position, below) < 0)
      .filter(({ position }) => from === undefined || compareBytes(position, from) >= 0)
      .sort((a, b) => compareBytes(b.position, a.position))
      .slice(0, limit)
      .map(({ addition, position }) => entryOf(addition, position));
  }
}

/** Where an addition stands on a path. */
export function positionOf({ record, receivedAt }: IndexedRecord, received: boolean): Uint8Array {
  const position = record.id.subarray(0, POSITION_BYTES);
  return received ? concatBytes(encodeTimestamp(receivedAt), position) : position;
}

function entryOf({ location, held }: IndexAddition, position: Uint8Array): ModelEntry {
  return { position: hexEncode(position), location: hexEncode(location), held };
}

function isOnPath({ record, held }: IndexAddition, path: IndexPath): boolean {
  switch (path.path) {
    case 'all':
    case 'received':
      return true;
    case 'author':
      return equalBytes(record.author, path.author);
    case 'author-kind':
      return equalBytes(record.author, path.author) && equalBytes(record.kind, path.kind);
    case 'signing-key':
      return !record.signedByAuthor && equalBytes(record.signingKey, path.signingKey);
    case 'kind':
      return equalBytes(record.kind, path.kind);
    case 'tag':
      return [...record.tags()].some((tag) => equalBytes(tag.bytes.subarray(2), path.tag));
    case 'address':
      return equalBytes(record.address, path.address);
    case 'odd-notify':
      return [...record.tags()].some((tag) => isOddNotify(tag.bytes, path.notified));
    case 'subkey':
      return record.isKeySchedule && attests(record, path.subkey);
    case 'held':
      return held;
  }
}

function isOddNotify(tag: Uint8Array, key: PublicKey): boolean {
  const plain = encodeTag(coreTag({ name: 'notify', key }));
  const isSameHead = equalBytes(tag.subarray(0, 4), plain.subarray(0, 4));
  return isSameHead && equalBytes(tag.subarray(8), key) && !equalBytes(tag, plain);
}

function attests(record: RecordView, subkey: PublicKey): boolean {
  const { entries } = parseKeySchedule(record);
  return entries.some(({ kind, key }) => kind === 'subkey' && equalBytes(key, subkey));
}
