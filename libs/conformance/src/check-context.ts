/**
 * What a check is given: connections that are closed after it, people and records of its own, and
 * filters that see nothing but what the check published.
 */
import { randomBytes, randomInt } from 'node:crypto';
import {
  type Audience,
  buildFilter,
  buildKeySchedule,
  buildRecord,
  type DuplicateHandling,
  encodeKind,
  type FilterElementInput,
  type Kind,
  KNOWN_KINDS,
  type KeyScheduleEntryInput,
  type RecordInput,
  type RecordView,
  type TagInput,
  type Timestamp,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { type Check, CheckFailure, skip } from './check.ts';
import type { Conversation } from './conversation.ts';
import { expectResult } from './expect.ts';
import { type Identity, newIdentity } from './identity.ts';
import { openConversation } from './open-conversation.ts';
import type { ServerFacts } from './server-facts.ts';
import type { Target } from './target.ts';
import { openSocket, type SocketOptions } from './wire/socket.ts';

/** What a record of a check is made from; see `RecordInput` for the parts that are passed on. */
export interface RecordSpec
  extends Partial<
    Pick<RecordInput, 'kind' | 'nonce' | 'payload' | 'timestamp' | 'fromAuthor' | 'zstd'>
  > {
  /** Default: unique. */
  readonly handling?: DuplicateHandling;
  /** Default: everybody. */
  readonly audience?: Audience;
  /** Signs in place of the author. */
  readonly signedBy?: Identity;
  /** Behind the check's own tag. */
  readonly tags?: readonly TagInput[];
  /** Without the check's own tag. */
  readonly isUntagged?: boolean;
}

/** The application that the specification sets aside for examples. */
const APPLICATION = 99;
/** A tag type that no document gives a meaning. */
const TAG_TYPE_OF_CHECKS = 0x6300;
const STEP_NANOS = 1_000_000n;
/** How far back a check's first record is dated. */
const BACKDATED_MS = 600_000;

/** One run of one check. */
export class CheckContext {
  readonly server: ServerFacts;
  readonly timeoutMs: number;
  /** On every record of this run and on nothing else in the world. */
  readonly tag: TagInput = { type: TAG_TYPE_OF_CHECKS, value: randomBytes(16) };
  /** Of every kind that this run makes. */
  readonly applicationKind: number = randomBytes(2).readUInt16BE();
  readonly #open: { close(): void }[] = [];
  readonly #conversations: Conversation[] = [];
  #isClosed = false;
  #served = 0;
  /** Starts at a nanosecond of its own, so that no two checks make records of one moment. */
  #clock: Timestamp = timestampFromMillis(Date.now() - BACKDATED_MS) + BigInt(randomInt(1_000_000));

  constructor(server: ServerFacts, timeoutMs: number) {
    this.server = server;
    this.timeoutMs = timeoutMs;
  }

  /** Connects; as somebody, where the server asks who its clients are. */
  async connect(as?: Identity, options: Partial<SocketOptions> = {}): Promise<Conversation> {
    if (as !== undefined) this.needsCertificates();
    const { timeoutMs } = this;
    const who = as === undefined ? {} : { secretKey: as.secretKey };
    return this.#keep(
      await openConversation(this.server.target, { timeoutMs, ...who, ...options }),
    );
  }

  /** Connects to the second URL. */
  async connectSecond(): Promise<Conversation> {
    const target = this.server.second ?? skip('needs --second-url, another way to this server');
    return this.#keep(await openConversation(target, { timeoutMs: this.timeoutMs }));
  }

  /** Opens a socket without any upgrade. */
  async socket(
    options: Partial<SocketOptions> = {},
  ): Promise<Awaited<ReturnType<typeof openSocket>>> {
    const socket = await openSocket(this.server.target, { timeoutMs: this.timeoutMs, ...options });
    this.#closeLater({ close: () => socket.destroy() });
    return socket;
  }

  /** Goes on only where clients can show certificates. */
  needsCertificates(): void {
    if (!this.server.target.isTls) skip('ws:// has no client certificates');
    if (this.server.asksForCertificate === false) {
      skip('this URL asks for no Ed25519 client certificate');
    }
  }

  /** Goes on only with TLS. */
  needsTls(): Target {
    return this.server.target.isTls ? this.server.target : skip('ws:// has no TLS');
  }

  /** Somebody whom the server serves, another one with each call. */
  user(): Identity {
    if (this.server.isOpen) return newIdentity();
    const user = this.server.registered[this.#served++];
    const count = this.#served;
    return user ?? skip(`this server is not open to all: needs ${count} --registered-secret`);
  }

  /** Somebody whom the server serves and nobody has heard of yet. */
  newUser(): Identity {
    return this.server.isOpen ? newIdentity() : skip('needs new users; this server is not open');
  }

  /** Somebody of whom the server knows nothing. */
  stranger(): Identity {
    return newIdentity();
  }

  /** A moment after every one given before, all of them in the past. */
  now(): Timestamp {
    this.#clock += STEP_NANOS;
    return this.#clock;
  }

  /** A kind of this run. */
  kind(
    duplicateHandling: DuplicateHandling = 'unique',
    audience: Audience = 'everybody',
    applicationKind: number = this.applicationKind,
  ): Kind {
    return encodeKind({
      applicationId: APPLICATION,
      applicationKind,
      duplicateHandling,
      audience,
      printable: false,
    });
  }

  /** A valid record, newer than every one made before. */
  record(author: Identity, made: RecordSpec = {}): RecordView {
    const { handling, audience, signedBy = author, tags = [], isUntagged = false, ...rest } = made;
    return buildRecord({
      kind: this.kind(handling, audience),
      timestamp: this.now(),
      secretKey: signedBy.secretKey,
      author: author.publicKey,
      payload: randomBytes(16),
      ...rest,
      tags: isUntagged ? tags : [this.tag, ...tags],
    });
  }

  /** Some records, each newer than the one before. */
  records(count: number, author: Identity, made: RecordSpec = {}): RecordView[] {
    return Array.from({ length: count }, () => this.record(author, made));
  }

  /** A key schedule, newer than everything made before. */
  schedule(
    master: Identity,
    entries: readonly KeyScheduleEntryInput[],
    made: { timestamp?: Timestamp; nonce?: Uint8Array } = {},
  ): RecordView {
    const timestamp = this.now();
    return buildKeySchedule({ masterSecretKey: master.secretKey, timestamp, entries, ...made });
  }

  /** A profile with any payload. */
  profile(author: Identity, payload: Uint8Array, signedBy: Identity = author): RecordView {
    return this.record(author, { kind: KNOWN_KINDS.profile, payload, signedBy });
  }

  /** A filter for this run's records, cut down by further elements. */
  filter(...elements: readonly FilterElementInput[]): Uint8Array {
    return buildFilter([{ name: 'includedTags', tags: [this.tag] }, ...elements]).bytes;
  }

  /** Publishes records that must be accepted. */
  async publish(conversation: Conversation, ...records: readonly RecordView[]): Promise<void> {
    for (const record of records) {
      expectResult(await conversation.submit(record), 'ACCEPTED', 'publishing a valid record');
    }
  }

  /** Ends all connections. */
  close(): void {
    this.#isClosed = true;
    for (const open of this.#open) open.close();
  }

  /** Fails where a server said what it should not have. */
  checkFaults(): void {
    const fault = this.#conversations.flatMap(({ faults }) => faults)[0];
    if (fault !== undefined) throw new CheckFailure(fault);
  }

  /** What opens only after the check has ended, because another of its steps failed, is closed. */
  #closeLater(open: { close(): void }): void {
    if (this.#isClosed) open.close();
    else this.#open.push(open);
  }

  #keep(conversation: Conversation): Conversation {
    this.#closeLater({ close: () => conversation.websocket.destroy() });
    this.#conversations.push(conversation);
    return conversation;
  }
}

/** Runs a check once; throws what it throws. */
export async function runCheck(
  { run }: Check,
  server: ServerFacts,
  timeoutMs: number,
): Promise<void> {
  const context = new CheckContext(server, timeoutMs);
  try {
    await run(context);
    context.checkFaults();
  } finally {
    context.close();
  }
}
