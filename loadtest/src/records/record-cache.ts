/**
 * Signed records on disk. Signing takes longer than sending, so it happens once, before anything is
 * measured, and the next run finds the records there.
 *
 *     records-v1-seed<S>-<C>.bin    records C·5000 to C·5000+4999 of seed S, one behind the other
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pad8, readU16, readU32, RECORD_AT, RECORD_HEAD_BYTES } from '@mosaic-cluster/protocol';
import { LoadError } from '../load-error.ts';
import type { RecordPlan } from './record-plan.ts';
import type { RecordRange } from './record-range.ts';

/** Records in a file. */
export const CHUNK_RECORDS = 5_000;

/** Records of one seed in a folder. */
export class RecordCache {
  readonly #folder: string;
  readonly #seed: number;

  constructor(folder: string, seed: number) {
    this.#folder = folder;
    this.#seed = seed;
  }

  /** The files that a range is in, by number. */
  static chunksOf({ first, count }: RecordRange): number[] {
    if (count === 0) return [];
    const from = Math.floor(first / CHUNK_RECORDS);
    const to = Math.floor((first + count - 1) / CHUNK_RECORDS);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  }

  has(chunk: number): boolean {
    return existsSync(this.#path(chunk));
  }

  /** Signs the records of a file. It appears under its name when it is complete. */
  make(chunk: number, plan: RecordPlan): void {
    const parts: Uint8Array[] = [];
    for (let i = 0; i < CHUNK_RECORDS; i++) parts.push(plan.make(chunk * CHUNK_RECORDS + i).bytes);
    mkdirSync(this.#folder, { recursive: true });
    const path = this.#path(chunk);
    const temporary = `${path}.${process.pid}.part`;
    writeFileSync(temporary, Buffer.concat(parts));
    renameSync(temporary, path);
  }

  /**
   * The records of a range, as views.
   *
   * @throws LoadError where a file is missing or is not what it should be
   */
  *read(range: RecordRange): Generator<Buffer> {
    const end = range.first + range.count;
    for (const chunk of RecordCache.chunksOf(range)) {
      let index = chunk * CHUNK_RECORDS;
      for (const record of this.#records(chunk)) {
        if (index >= range.first && index < end) yield record;
        index += 1;
      }
    }
  }

  #records(chunk: number): Buffer[] {
    const path = this.#path(chunk);
    let bytes: Buffer;
    try {
      bytes = readFileSync(path);
    } catch (cause) {
      throw new LoadError(`the signed records in ${path} cannot be read`, { cause });
    }
    const records: Buffer[] = [];
    for (let at = 0; at + RECORD_HEAD_BYTES <= bytes.length; ) {
      const length = recordLengthAt(bytes, at);
      records.push(bytes.subarray(at, at + length));
      at += length;
    }
    const isWhole = records.reduce((sum, { length }) => sum + length, 0) === bytes.length;
    if (records.length === CHUNK_RECORDS && isWhole) return records;
    throw new LoadError(`${path} does not hold ${CHUNK_RECORDS} records: delete it and try again`);
  }

  #path(chunk: number): string {
    const number = String(chunk).padStart(5, '0');
    return join(this.#folder, `records-v1-seed${this.#seed}-${number}.bin`);
  }
}

function recordLengthAt(bytes: Uint8Array, at: number): number {
  return (
    RECORD_HEAD_BYTES +
    pad8(readU16(bytes, at + RECORD_AT.tagsLength)) +
    pad8(readU32(bytes, at + RECORD_AT.payloadLength)) +
    pad8(readU16(bytes, at + RECORD_AT.signatureLength))
  );
}
