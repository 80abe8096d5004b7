/**
 * Checks records by themselves: form and hash of every one, on this thread, where that costs a
 * microsecond; signatures, which cost forty, in worker threads.
 */
import {
  type HashFunction,
  readU32,
  recordFaultOf,
  type RecordView,
  type ValidationTools,
} from '@mosaic-cluster/protocol';
import { fastTools, type Verdict, type Verifier } from '@mosaic-cluster/verifier';

/** Of which records signatures are checked. */
export type SignatureChoice = 'none' | 'sample' | 'all';

/** What to check. */
export interface RecordChecksOptions {
  readonly signatures: SignatureChoice;
  /** Of a sample, one in so many. */
  readonly oneIn: number;
  /** Draws the sample. */
  readonly salt: number;
  /** Undefined: no signatures are checked. */
  readonly verifier: Verifier | undefined;
}

/** What was found of a batch. */
export interface CheckedRecords {
  /** One per record; undefined: nothing is wrong. */
  readonly verdicts: readonly Verdict[];
  /** Signatures that were checked. */
  readonly signatures: number;
}

/** Checks batches of records. */
export class RecordChecks {
  readonly #options: RecordChecksOptions;
  readonly #withoutSignatures: ValidationTools;

  private constructor(options: RecordChecksOptions, hash: HashFunction) {
    this.#options = options;
    this.#withoutSignatures = { hash, verify: () => true, keyFault: () => undefined };
  }

  static async create(options: RecordChecksOptions): Promise<RecordChecks> {
    const { tools } = await fastTools();
    return new RecordChecks(options, tools.hash);
  }

  /** Whether a record is in the sample. */
  isSampled({ bytes }: RecordView): boolean {
    // IDs end in a hash, so a part of it is as good as chance, and the same in every run.
    const { oneIn, salt } = this.#options;
    return ((readU32(bytes, HASH_AT) ^ salt) >>> 0) % oneIn === 0;
  }

  /** Whether a record is, all by itself, what its ID says; without its signature. */
  fault(record: RecordView): Verdict {
    return recordFaultOf(record, this.#withoutSignatures);
  }

  /** @param records their bytes must not change meanwhile */
  async check(records: readonly RecordView[]): Promise<CheckedRecords> {
    const { signatures, verifier } = this.#options;
    if (verifier === undefined || signatures === 'none') {
      return { verdicts: records.map((record) => this.fault(record)), signatures: 0 };
    }
    if (signatures === 'all') {
      return { verdicts: await verifier.verify(records), signatures: records.length };
    }
    const chosen = records.flatMap((record, i) => (this.isSampled(record) ? [i] : []));
    const sampled = verifier.verify(chosen.map((i) => records[i]!));
    const verdicts = records.map((record) => this.fault(record));
    const found = await sampled;
    chosen.forEach((at, i) => {
      verdicts[at] = found[i];
    });
    return { verdicts, signatures: chosen.length };
  }
}

/** Of 4 bytes of the hash in an ID. */
const HASH_AT = 20;
