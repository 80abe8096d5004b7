/**
 * The records of a soak, signed one by one as they are sent: most are kept for ever, some replace an
 * earlier one, some are never stored, some were sent before. Knows what a server must answer to each,
 * who must hear of it, and what can be asked for afterwards.
 */
import {
  encodeKind,
  type Kind,
  nonceFrom,
  RECORD_AT,
  type RecordView,
  RESULT,
  type ResultCode,
} from '@mosaic-cluster/protocol';
import { AUTHORS, RECORD_KIND, type RecordPlan } from '../../records/record-plan.ts';
import type { RecordRange } from '../../records/record-range.ts';
import { LoadError } from '../../load-error.ts';

/** What happens to a record. */
export type SoakRecordClass = 'kept' | 'replacing' | 'heard' | 'unheard' | 'repeated';

/** A record to submit. */
export interface SoakRecord {
  readonly class: SoakRecordClass;
  readonly bytes: Buffer;
  readonly kind: Kind;
  /** Its author's number. */
  readonly author: number;
  readonly expected: ResultCode;
}

/** An address that records replace each other at. */
export interface Replaceable {
  readonly address: Buffer;
  /** The timestamp of the newest record that was accepted. */
  readonly timestamp: Buffer;
}

/** The application that the specification leaves for examples. */
const EXAMPLES = { applicationId: 99, audience: 'everybody', printable: true } as const;
/** The kind whose records replace each other. */
export const REPLACEABLE_KIND: Kind = encodeKind({
  ...EXAMPLES,
  applicationKind: 1,
  duplicateHandling: 'replaceable',
});
/** The kind that is never stored and somebody subscribes to. */
export const HEARD_KIND: Kind = encodeKind({
  ...EXAMPLES,
  applicationKind: 2,
  duplicateHandling: 'ephemeral',
});
/** The kind that is never stored and nobody subscribes to. */
const UNHEARD_KIND: Kind = encodeKind({
  ...EXAMPLES,
  applicationKind: 3,
  duplicateHandling: 'ephemeral',
});

/** Of twenty records two replace, three are ephemeral, one is sent again, and the others are kept. */
const TURNS: Readonly<Partial<Record<number, SoakRecordClass>>> = {
  1: 'replacing',
  4: 'heard',
  7: 'repeated',
  11: 'replacing',
  14: 'heard',
  17: 'unheard',
};
const TURNS_COUNT = 20;
/** Addresses at which records are replaced. */
const ADDRESSES = 200;
/** Accepted records that are remembered, to be sent again and asked for. */
const REMEMBERED_MAX = 512;

/** Makes records for ever, or until the numbers end. */
export class SoakRecords {
  readonly #plan: RecordPlan;
  readonly #end: number;
  #next: number;
  #turn = 0;
  #address = 0;
  #repeat = 0;
  #asked = 0;
  /** A ring of records that were accepted. */
  readonly #accepted: Buffer[] = [];
  #acceptedCount = 0;
  readonly #replaceable = new Map<number, Replaceable>();
  readonly #replacing = new Set<number>();

  constructor(plan: RecordPlan, numbers: RecordRange) {
    this.#plan = plan;
    this.#next = numbers.first;
    this.#end = numbers.first + numbers.count;
  }

  /** The next record. @throws LoadError where the numbers have ended */
  next(): SoakRecord {
    const turn = TURNS[this.#turn % TURNS_COUNT] ?? 'kept';
    this.#turn += 1;
    if (turn === 'repeated') return this.#repeated() ?? this.#kept();
    if (turn === 'replacing') return this.#replacement() ?? this.#kept();
    if (turn === 'heard') return this.#made(turn, HEARD_KIND, RESULT.ACCEPTED);
    if (turn === 'unheard') return this.#made(turn, UNHEARD_KIND, RESULT.NO_CONSUMERS);
    return this.#kept();
  }

  /** Takes note that a record was answered as expected. */
  settled(record: SoakRecord): void {
    if (record.class === 'replacing') {
      const address = Buffer.from(record.bytes.subarray(RECORD_AT.address, RECORD_AT.address + 48));
      const timestamp = Buffer.from(record.bytes.subarray(0, 8));
      const number = addressNumber(record);
      this.#replacing.delete(number);
      this.#replaceable.set(number, { address, timestamp });
    } else if (record.class === 'kept') {
      this.#accepted[this.#acceptedCount % REMEMBERED_MAX] = record.bytes;
      this.#acceptedCount += 1;
    }
  }

  /** An address in turn that holds a record; undefined where none does yet. */
  someReplaceable(): Replaceable | undefined {
    this.#asked += 1;
    return this.#replaceable.get(this.#asked % ADDRESSES);
  }

  /** The record that was accepted last; undefined where none was. */
  newestKept(): Buffer | undefined {
    return this.#accepted[(this.#acceptedCount - 1) % REMEMBERED_MAX];
  }

  #kept(): SoakRecord {
    return this.#made('kept', RECORD_KIND, RESULT.ACCEPTED);
  }

  #repeated(): SoakRecord | undefined {
    this.#repeat += 1;
    const bytes = this.#accepted[(this.#repeat * 37) % REMEMBERED_MAX];
    if (bytes === undefined) return undefined;
    // No author of that number exists: nobody may hear of it again.
    return {
      class: 'repeated',
      bytes,
      kind: RECORD_KIND,
      author: -1,
      expected: RESULT.DUPLICATE,
    };
  }

  #replacement(): SoakRecord | undefined {
    const number = this.#address % ADDRESSES;
    this.#address += 1;
    // Two on their way at once would make it unknown which one is served meanwhile.
    if (this.#replacing.has(number)) return undefined;
    this.#replacing.add(number);
    const nonce = nonceFrom(Buffer.from(`soak ${number}`));
    return this.#made('replacing', REPLACEABLE_KIND, RESULT.ACCEPTED, { author: number, nonce });
  }

  #made(
    recordClass: SoakRecordClass,
    kind: Kind,
    expected: ResultCode,
    own: { readonly author?: number; readonly nonce?: Uint8Array } = {},
  ): SoakRecord {
    const index = this.#next;
    if (index >= this.#end) throw new LoadError('the soak has no more records');
    this.#next += 1;
    const author = own.author ?? this.#plan.authorOf(index);
    const { nonce } = own;
    const view: RecordView = this.#plan.make(index, author, {
      kind,
      ...(nonce !== undefined && { nonce }),
    });
    const bytes = Buffer.from(view.bytes.buffer, view.bytes.byteOffset, view.bytes.length);
    return { class: recordClass, bytes, kind, author, expected };
  }
}

/** Author and address have the same number: there are fewer addresses than authors. */
function addressNumber({ author }: SoakRecord): number {
  if (author >= Math.min(ADDRESSES, AUTHORS)) throw new RangeError(`no address ${author}`);
  return author;
}
