/**
 * An honest client: publishes, asks for what it published and follows itself live, each at a steady
 * rate, whatever happens to others. Unless told to, it repeats nothing: what fails once has failed.
 */
import {
  buildFilter,
  buildRecord,
  encodeMessage,
  encodeSubmission,
  KNOWN_KINDS,
  MESSAGE,
  nonceFromTimestamp,
  readU16,
  RESULT,
  resultName,
  type SecretKey,
  type SigningTools,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { Connection } from '../../generator/connection.ts';
import type { ServerAddress } from '../../generator/server-address.ts';
import type { HonestFigures, HonestOperation } from './honest-figures.ts';

/** Who a client is. */
export interface HonestPerson {
  /** For the report, such as "a registered user at the attacker's address". */
  readonly who: string;
  readonly address: ServerAddress;
  readonly secretKey: SecretKey;
  /** Records, and as many questions, per second. */
  readonly perSecond: number;
  /** Whether it repeats what is answered with TEMPORARY_ERROR, as the SDK does. */
  readonly isRepeating?: boolean;
}

interface Pending {
  readonly operation: HonestOperation;
  readonly sinceMs: number;
  readonly figures: HonestFigures;
  /** What was sent. */
  readonly message: Uint8Array;
}

const LIVE_ID = 1;
const FIRST_QUERY_ID = 2;
const QUERY_IDS = 1_000;
const NEWEST = 20;
const ID_AT_RESULT = 8;
const ID_AT_RECORD = 8;
/** What names a record in messages: the beginning of its ID. */
const ID_CHARS = 64;
/** What has not come after this long has failed. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 20;
/** Before something is repeated. */
const AGAIN_MS = 500;
const PAYLOAD = Buffer.from('Good morning everybody. '.repeat(10));

/** One of them, connected. */
export class HonestClient {
  readonly person: HonestPerson;
  readonly #tools: Required<SigningTools>;
  readonly #author: Uint8Array;
  readonly #query: Uint8Array;
  readonly #pending = new Map<string, Pending>();
  /** Records sent more than once, at most a trial's. */
  readonly #repeated = new Set<string>();
  #connection: Connection | undefined;
  #lost: string | undefined;
  #isLive = false;
  #made = 0;

  private constructor(person: HonestPerson, tools: Required<SigningTools>) {
    this.person = person;
    this.#tools = tools;
    this.#author = tools.publicKeyOf(person.secretKey);
    const filter = buildFilter([{ name: 'authors', keys: [this.#author] }]);
    this.#query = encodeMessage({ name: 'query', queryId: FIRST_QUERY_ID, limit: NEWEST, filter });
  }

  /** Connects and subscribes. @throws LoadError where that fails */
  static async open(person: HonestPerson, tools: Required<SigningTools>): Promise<HonestClient> {
    const client = new HonestClient(person, tools);
    client.#connection = await Connection.open(person.address, {
      message: (_connection, bytes, at) => client.#receive(bytes, at),
      lost: (_connection, why) => client.#end(why),
    });
    const filter = buildFilter([{ name: 'authors', keys: [client.#author] }]);
    client.#connection.send(
      encodeMessage({ name: 'subscribe', queryId: LIVE_ID, limit: 1, filter }),
    );
    await client.#until(() => client.#isLive || client.#lost !== undefined);
    return client;
  }

  /** Works until the time is over, and waits for what it began. */
  async work(ms: number, figures: HonestFigures): Promise<void> {
    const { perSecond } = this.person;
    const startMs = performance.now();
    let begun = 0;
    while (performance.now() - startMs < ms) {
      const due = Math.floor(((performance.now() - startMs) / 1000) * perSecond) + 1;
      for (; begun < due; begun++) this.#begin(figures);
      await later(LOOK_MS);
    }
    await this.#until(() => this.#pending.size === 0);
    for (const [id] of this.#pending) this.#fail(id, 'no answer');
  }

  /** Leaves. */
  async close(): Promise<void> {
    await this.#connection?.close();
  }

  #begin(figures: HonestFigures): void {
    const sinceMs = performance.now();
    const queryId = FIRST_QUERY_ID + (this.#made % QUERY_IDS);
    this.#made += 1;
    const timestamp = timestampFromMillis(Date.now()) + BigInt(this.#made % 1_000_000);
    const record = buildRecord(
      {
        kind: KNOWN_KINDS['microblog-root'],
        timestamp,
        secretKey: this.person.secretKey,
        nonce: nonceFromTimestamp(timestamp),
        payload: PAYLOAD,
      },
      this.#tools,
    );
    const id = Buffer.from(record.id).toString('hex').slice(0, ID_CHARS);
    const query = Uint8Array.from(this.#query);
    query[4] = queryId & 0xff;
    query[5] = queryId >> 8;
    const [told, live, asked] = [`told ${id}`, `live ${id}`, `asked ${queryId}`];
    const submission = encodeSubmission(record.bytes);
    const begun = { sinceMs, figures, message: submission };
    this.#pending.set(told, { ...begun, operation: 'submission' });
    this.#pending.set(live, { ...begun, operation: 'delivery' });
    this.#pending.set(asked, { ...begun, operation: 'query', message: query });
    if (this.#lost !== undefined) {
      for (const each of [told, live, asked]) this.#fail(each, this.#lost);
      return;
    }
    this.#connection?.send(submission);
    this.#connection?.send(query);
  }

  #receive(bytes: Buffer, at: number): void {
    const type = bytes[at];
    if (type === MESSAGE.submissionResult) {
      const result = bytes[at + 4]!;
      const id = hexAt(bytes, at + ID_AT_RESULT);
      const isHeld = this.#repeated.has(id) && result === RESULT.DUPLICATE;
      if (result === RESULT.ACCEPTED || isHeld) this.#done(`told ${id}`);
      else if (this.#again(`told ${id}`, result)) this.#repeated.add(id);
      else {
        this.#fail(`told ${id}`, resultName(result) ?? `result ${result}`);
        this.#pending.delete(`live ${id}`);
      }
    } else if (type === MESSAGE.record && readU16(bytes, at + 4) === LIVE_ID) {
      this.#done(`live ${hexAt(bytes, at + ID_AT_RECORD)}`);
    } else if (type === MESSAGE.queryClosed) {
      const id = `asked ${readU16(bytes, at + 4)}`;
      const result = bytes[at + 6]!;
      if (readU16(bytes, at + 4) === LIVE_ID) this.#end(`unsubscribed: ${resultName(result)}`);
      else if (result === RESULT.SUCCESS) this.#done(id);
      else if (!this.#again(id, result)) this.#fail(id, resultName(result) ?? `result ${result}`);
    } else if (type === MESSAGE.locallyComplete) {
      this.#isLive = true;
    } else if (type === MESSAGE.closing) {
      this.#end(`closing: ${resultName(bytes[at + 1]!)}`);
    }
  }

  /** Sends something once more after a while, where that is wanted; false: it has failed. */
  #again(id: string, result: number): boolean {
    const pending = this.#pending.get(id);
    if (this.person.isRepeating !== true || result !== RESULT.TEMPORARY_ERROR) return false;
    if (pending === undefined || this.#lost !== undefined) return false;
    setTimeout(() => {
      if (this.#pending.has(id)) this.#connection?.send(pending.message);
    }, AGAIN_MS);
    return true;
  }

  #done(id: string): void {
    const pending = this.#pending.get(id);
    pending?.figures.done(pending.operation, pending.sinceMs);
    this.#pending.delete(id);
  }

  #fail(id: string, why: string): void {
    const pending = this.#pending.get(id);
    pending?.figures.failed(pending.operation, this.person.who, why);
    this.#pending.delete(id);
  }

  #end(why: string): void {
    this.#lost ??= why;
    for (const [id] of this.#pending) this.#fail(id, why);
  }

  async #until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!condition() && performance.now() < deadline) await later(LOOK_MS);
  }
}

function hexAt(bytes: Buffer, at: number): string {
  return bytes.toString('hex', at, at + ID_CHARS / 2);
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
