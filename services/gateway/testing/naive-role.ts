/**
 * A role in its simplest form: a list that is searched from end to end. It has no policy of its
 * own but what a test gives it, and answers when the test lets it.
 */
import type {
  Bus,
  CallContext,
  GetRequest,
  LiveRecord,
  Page,
  PageBudget,
  QueryRequest,
  RoleName,
  RoleService,
  ServedRecord,
  Submission,
} from '@mosaic-cluster/bus';
import {
  compareBytes,
  compileFilter,
  equalBytes,
  type PublicKey,
  RESULT,
  type ResultCode,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';

/** A record that the role has. */
interface Stored extends ServedRecord {
  readonly readers: readonly PublicKey[] | undefined;
}

/** One role over one list. */
export class NaiveRole implements RoleService {
  readonly name: RoleName;
  readonly stored: Stored[] = [];
  /** Batches as they came. */
  readonly batches: (readonly Submission[])[] = [];
  /** Pages as they were asked for. */
  readonly budgets: PageBudget[] = [];
  /** How many references Gets had. */
  readonly asked: number[] = [];
  /** What becomes of a submission. */
  judge: (submission: Submission) => ResultCode = () => RESULT.ACCEPTED;
  /** Runs before anything is answered; may wait or throw. */
  gate: (call?: CallContext) => Promise<void> = async () => {};
  /** Most records of a page, whatever the budget. */
  pageRecordsMax = Infinity;
  /** What a page says that it took; undefined: it does not tell. */
  scanned: number | undefined;
  /** The masters that a key acts for, besides itself. */
  masters: (key: PublicKey) => readonly PublicKey[] = () => [];
  readonly #bus: Bus;

  constructor(bus: Bus, name: RoleName) {
    this.#bus = bus;
    this.name = name;
    bus.serve(name, this);
  }

  /** Stores a record without telling anybody. */
  store(record: Stored['record'], options: Partial<Stored> = {}): LiveRecord {
    const stored = { record, receivedAt: timestampFromMillis(0), readers: undefined, ...options };
    this.stored.push(stored);
    return { role: this.name, ...stored };
  }

  /** Tells live subscribers of a record. */
  publish(...records: LiveRecord[]): void {
    this.#bus.publish(records);
  }

  async submit(
    submissions: readonly Submission[],
    call?: CallContext,
  ): Promise<readonly ResultCode[]> {
    this.batches.push(submissions);
    await this.gate(call);
    return submissions.map((submission) => this.judge(submission));
  }

  async query(request: QueryRequest, call?: CallContext): Promise<Page> {
    await this.gate(call);
    const matcher = compileFilter(request.filter);
    return this.#page(request, (stored) => matcher.matches(stored.record, stored.receivedAt));
  }

  async get(request: GetRequest, call?: CallContext): Promise<Page> {
    this.asked.push(request.references.length);
    await this.gate(call);
    return this.#page(request, ({ record }) =>
      request.references.some((reference) => {
        return equalBytes(reference, record.id) || equalBytes(reference, record.address);
      }),
    );
  }

  async identities(key: PublicKey): Promise<readonly PublicKey[]> {
    await this.gate();
    return [key, ...this.masters(key)];
  }

  #page(
    request: Pick<QueryRequest, 'reader' | 'cursor' | 'budget'>,
    isWanted: (stored: Stored) => boolean,
  ): Page {
    this.budgets.push(request.budget);
    const { reader, cursor } = request;
    const identities = reader === undefined ? [] : [reader, ...this.masters(reader)];
    const all = this.stored
      .filter((stored) => isWanted(stored) && mayRead(stored, identities))
      .filter(({ record }) => cursor === undefined || compareBytes(record.id, cursor) < 0)
      .sort((a, b) => compareBytes(b.record.id, a.record.id));
    const count = Math.max(0, Math.min(request.budget.records, this.pageRecordsMax));
    const records = all.slice(0, count);
    const last = records.at(-1)?.record.id;
    const next = records.length < all.length ? (last ?? cursor) : undefined;
    return { records, next, below: undefined, scanned: this.scanned };
  }
}

function mayRead(stored: Stored, identities: readonly PublicKey[]): boolean {
  if (stored.readers === undefined) return true;
  return stored.readers.some((key) => identities.some((identity) => equalBytes(key, identity)));
}
