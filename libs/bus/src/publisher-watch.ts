/**
 * Notices what a listener missed, from the numbers in live messages and beats and from publishers
 * that fall silent. It knows nothing of connections.
 */
import { type Timestamp, timestampFromMillis, timestampToMillis } from '@mosaic-cluster/protocol';
import type { BusLimits } from './bus-limits.ts';
import { type Beat, type LiveMessage, type LivePlace, PUBLISHER_BYTES } from './live-codec.ts';

const EPHEMERAL_INDEXES_MAX = 256;
const NANOS_PER_MS = 1_000_000n;
/** Beats that may be late before a publisher that was not known counts as missed so far. */
const BEATS_TO_LEARN = 2;

/**
 * Looks in vain after which a silent publisher's clock no longer counts: until then what it received
 * last is still searched for, by its own clock.
 */
const CHECKS_COUNTED = 120;

/** What the watch needs. */
export interface PublisherWatchOptions {
  readonly limits: BusLimits;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Records received from this time on may have been missed. */
  readonly gap: (since: Timestamp) => void;
}

interface Publisher {
  /** The last batch that is known to have begun; NaN: none is known yet. */
  number: number;
  /** The last batch of which everything was heard that came here; NaN as above. */
  ended: number;
  /** Whether it has said since when it publishes. */
  isKnown: boolean;
  /** Indexes of that batch that arrived. */
  seen: Set<number>;
  /** Ephemeral records that arrived last. */
  readonly ephemerals: Set<number>;
  /** When it said last that everything before had been sent, by its clock. */
  goodAt: Timestamp;
  /** How far its clock was behind ours with its last beat, the way here included; in ms. */
  behindMs: number;
  /** How often it was looked for since it was heard last. */
  checks: number;
  isSilent: boolean;
}

/** Every publisher that one listener hears. */
export class PublisherWatch {
  readonly #options: PublisherWatchOptions;
  /** In the order of when they were heard last. */
  readonly #publishers = new Map<string, Publisher>();
  #startedAt: number;

  constructor(options: PublisherWatchOptions) {
    this.#options = options;
    this.#startedAt = options.now();
  }

  /** Those that are not silent, by name as text. */
  get present(): Set<string> {
    const names = new Set<string>();
    for (const [name, { isSilent }] of this.#publishers) if (!isSilent) names.add(name);
    return names;
  }

  /** From when on records may be missing that were published until now. */
  get goodSince(): Timestamp {
    let since = this.#theirTime(this.#options.now());
    for (const { goodAt, isSilent } of this.#publishers.values()) {
      if (!isSilent && goodAt < since) since = goodAt;
    }
    return this.#withMargin(since);
  }

  /**
   * By how much the clock of a publisher is behind ours, at most: never less than 0; in ms. One that
   * fell silent counts for two minutes more.
   */
  get behindMs(): number {
    let most = 0;
    for (const { behindMs, checks } of this.#publishers.values()) {
      if (checks <= CHECKS_COUNTED) most = Math.max(most, behindMs);
    }
    return most;
  }

  /** Nothing can be heard, or could until now: silence means nothing. */
  restart(): void {
    this.#startedAt = this.#options.now();
    for (const publisher of this.#publishers.values()) publisher.checks = 0;
  }

  /** Takes note of a live record; false where it arrived before by another subject. */
  live(message: LiveMessage): boolean {
    const { index, number, isEphemeral } = message;
    const publisher = this.#heard(message, message.live.receivedAt);
    if (isEphemeral) return noteEphemeral(publisher, index);
    // One that is late, after a change of paths: not worth remembering what came with it.
    if (number < publisher.number) return true;
    this.#reach(publisher, number);
    if (publisher.seen.has(index)) return false;
    publisher.seen.add(index);
    return true;
  }

  /** Takes note of a record that was received and is not sent. */
  withheld(place: LivePlace, receivedAt: Timestamp): void {
    const publisher = this.#heard(place, receivedAt);
    this.#reach(publisher, place.number);
    this.#options.gap(this.#withMargin(receivedAt));
  }

  /** Takes note of a beat. */
  beat(beat: Beat): void {
    const { now } = this.#options;
    const name = publisherName(beat.publisher);
    const publisher = this.#heard(beat, beat.sentAt);
    if (!publisher.isKnown && beat.number > 0 && this.#knewAll) {
      const listening = this.#theirTime(this.#startedAt);
      const since = beat.startedAt > listening ? beat.startedAt : listening;
      this.#options.gap(this.#withMargin(since));
    }
    publisher.isKnown = true;
    if (beat.isRepeated && beat.number > publisher.ended) this.#miss(publisher);
    this.#reach(publisher, beat.number);
    // One that is late, after a change of paths, ends nothing.
    if (!(beat.number < publisher.number)) publisher.ended = beat.number;
    publisher.goodAt = beat.sentAt;
    publisher.behindMs = now() - timestampToMillis(beat.sentAt);
    if (beat.isFarewell) this.#publishers.delete(name);
  }

  /** Looks for publishers that have fallen silent; to be called with every beat's interval. */
  check(): void {
    const { silenceMs, beatIntervalMs } = this.#options.limits;
    for (const publisher of this.#publishers.values()) {
      // Counted, not timed: while this process is busy, it hears nobody and looks for nobody.
      publisher.checks += 1;
      if (publisher.checks <= silenceMs / beatIntervalMs || publisher.isSilent) continue;
      publisher.isSilent = true;
      this.#options.gap(this.#withMargin(publisher.goodAt));
    }
  }

  /** Whether every publisher that was there at the start has been heard by now. */
  get #knewAll(): boolean {
    const { limits, now } = this.#options;
    return now() - this.#startedAt > BEATS_TO_LEARN * limits.beatIntervalMs;
  }

  #heard(place: Pick<LivePlace, 'publisher'>, at: Timestamp): Publisher {
    const name = publisherName(place.publisher);
    const publisher = this.#publishers.get(name) ?? {
      number: NaN,
      ended: NaN,
      isKnown: false,
      seen: new Set(),
      ephemerals: new Set(),
      goodAt: at,
      behindMs: 0,
      checks: 0,
      isSilent: false,
    };
    publisher.checks = 0;
    publisher.isSilent = false;
    this.#publishers.delete(name);
    this.#publishers.set(name, publisher);
    this.#forgetOldest();
    return publisher;
  }

  #reach(publisher: Publisher, number: number): void {
    if (number <= publisher.number) return;
    // The end of a batch can get lost with its beat although the beginning was heard.
    if (number > publisher.ended + 1) this.#miss(publisher);
    publisher.number = number;
    publisher.ended = number - 1;
    publisher.seen = new Set();
  }

  #miss(publisher: Publisher): void {
    // Told once, whatever else shows the same.
    publisher.ended = NaN;
    this.#options.gap(this.#withMargin(publisher.goodAt));
  }

  #forgetOldest(): void {
    if (this.#publishers.size <= this.#options.limits.publishersMax) return;
    for (const name of this.#publishers.keys()) {
      this.#publishers.delete(name);
      return;
    }
  }

  /** A time of ours (Unix, ms) as publishers have it that are behind most. */
  #theirTime(ms: number): Timestamp {
    return timestampFromMillis(Math.max(0, ms - this.behindMs));
  }

  #withMargin(since: Timestamp): Timestamp {
    const margin = BigInt(this.#options.limits.gapMarginMs) * NANOS_PER_MS;
    return since > margin ? since - margin : 0n;
  }
}

/** A publisher's name as text. */
export function publisherName(publisher: Uint8Array): string {
  let name = '';
  for (let i = 0; i < PUBLISHER_BYTES; i++) name += String.fromCharCode(publisher[i]!);
  return name;
}

function noteEphemeral({ ephemerals }: Publisher, index: number): boolean {
  if (ephemerals.has(index)) return false;
  ephemerals.add(index);
  if (ephemerals.size > EPHEMERAL_INDEXES_MAX) {
    for (const oldest of ephemerals) {
      ephemerals.delete(oldest);
      break;
    }
  }
  return true;
}
