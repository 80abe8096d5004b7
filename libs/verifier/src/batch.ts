/**
 * How records and verdicts cross between threads. Records go as one buffer that is handed over,
 * not copied; verdicts come back as the list of faults, which is empty on a good day.
 *
 *     [0:4·n)  lengths of the n records, u32 in the machine's order      then the records' bytes
 */
import { type MosaicError, recordFault, RecordView } from '@mosaic-cluster/protocol';
import type { Item } from './call.ts';
import type { VerifierKind } from './tools.ts';
import type { Verdict } from './verifier.ts';

/** Records that go to a worker together, and stay together if it fails. */
export interface Batch {
  readonly id: number;
  readonly items: readonly Item[];
  /** Whether a worker failed with it before. */
  readonly isRetry: boolean;
}

/** To a worker: check these. */
export interface BatchMessage {
  readonly id: number;
  readonly count: number;
  readonly buffer: ArrayBuffer;
}

/** A fault of the record at `index` of its batch, as plain data. */
export interface Fault {
  readonly index: number;
  readonly step: string;
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

/** Something that a worker lacks, as plain data. */
export interface FallbackNote {
  readonly code: string;
  readonly message: string;
}

/** From a worker. */
export type WorkerMessage =
  | {
      readonly name: 'ready';
      readonly kind: VerifierKind;
      readonly fallbacks: readonly FallbackNote[];
    }
  /** Every record without a fault is valid. */
  | { readonly name: 'answer'; readonly id: number; readonly faults: readonly Fault[] };

/** What a worker is told at its start. */
export interface WorkerStart {
  readonly kind: VerifierKind;
}

/** Copies the records' bytes into one buffer, to be transferred. */
export function packBatch({ id, items }: Batch): BatchMessage {
  const count = items.length;
  const total = items.reduce((sum, { record }) => sum + record.bytes.length, 4 * count);
  const buffer = new ArrayBuffer(total);
  const lengths = new Uint32Array(buffer, 0, count);
  const bytes = new Uint8Array(buffer);
  let at = 4 * count;
  items.forEach(({ record }, i) => {
    lengths[i] = record.bytes.length;
    bytes.set(record.bytes, at);
    at += record.bytes.length;
  });
  return { id, count, buffer };
}

/** Views of the records in a buffer that {@link packBatch} made. */
export function* unpackBatch({ count, buffer }: BatchMessage): Generator<RecordView> {
  let at = 4 * count;
  for (const length of new Uint32Array(buffer, 0, count)) {
    yield new RecordView(new Uint8Array(buffer, at, length));
    at += length;
  }
}

/** A fault as data. */
export function faultOf(index: number, { step, message, range }: MosaicError): Fault {
  return { index, step: step ?? '', message, start: range?.start ?? 0, end: range?.end ?? 0 };
}

/** The verdict that {@link faultOf} was made from. */
export function verdictOf({ step, message, start, end }: Fault): Verdict {
  return recordFault(step, message, start, end);
}
