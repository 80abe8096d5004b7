/** Publishes live records over NATS: numbered batches, bounded copies, beats, ephemeral records. */
import { type PublicKey, timestampFromMillis } from '@mosaic-cluster/protocol';
import type { Subscription } from '@nats-io/transport-node';
import type { BusCounters } from './bus-counters.ts';
import type { BusLimits } from './bus-limits.ts';
import type { LiveRecord } from './contract.ts';
import {
  type Beat,
  decodeReached,
  encodeBeat,
  encodeLive,
  encodeWithheld,
  liveBytes,
  type LivePlace,
} from './live-codec.ts';
import { isPrivate, readerSubject, recordSubjects, type Subjects } from './live-subjects.ts';
import type { LinkUser, NatsLink } from './nats-link.ts';
import type { Requester } from './requester.ts';

/** What a publisher needs. */
export interface LivePublisherOptions {
  readonly link: NatsLink;
  readonly subjects: Subjects;
  readonly requester: Requester;
  readonly limits: BusLimits;
  readonly counters: BusCounters;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** 8 random bytes: who this is. */
  readonly name: Uint8Array;
}

/** One process's live records. */
export class LivePublisher implements LinkUser {
  readonly #options: LivePublisherOptions;
  readonly #startedAt: bigint;
  #number = 0;
  #offers = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #sync: Subscription | undefined;

  constructor(options: LivePublisherOptions) {
    this.#options = options;
    this.#startedAt = timestampFromMillis(options.now());
    options.link.join(this);
  }

  /** Makes itself known to listeners, once. */
  start(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    const { link, subjects, limits } = this.#options;
    this.#sync = link.subscribe(subjects.sync, {
      callback: (error, message) => {
        const { reply } = message;
        if (error === null && reply) link.publish(reply, this.#beat({ isRepeated: true }));
      },
    });
    this.#repeatBeat();
    this.#timer = setInterval(() => this.#repeatBeat(), limits.beatIntervalMs);
    this.#timer.unref();
  }

  /** Publishes a batch; what the server does not take is dropped, and listeners notice. */
  publish(records: readonly LiveRecord[]): void {
    if (records.length === 0) return;
    this.start();
    const { link, counters, name } = this.#options;
    this.#number += 1;
    if (!link.isConnected || link.isClogged) {
      counters.liveDropped += records.length;
      return;
    }
    records.forEach((live, index) => {
      const place = { publisher: name, number: this.#number, index };
      if (isPrivate(live)) this.#publishPrivate(live, live.readers, place);
      else this.#publishCopies(encodeLive(live, place, false), this.#publicSubjects(live));
    });
    counters.livePublished += records.length;
    // However much waits to be sent: without it, this batch would count as lost.
    link.publish(this.#options.subjects.beat, this.#beat());
  }

  /** Asks gateways to deliver an ephemeral record. */
  async offer(live: LiveRecord): Promise<number> {
    this.start();
    const { link, requester, limits, name } = this.#options;
    if (!link.isConnected || link.isClogged) return 0;
    this.#offers = (this.#offers + 1) % 0x1_0000_0000;
    const subjects = isPrivate(live) ? this.#offerSubjects(live) : this.#publicSubjects(live);
    const place = { publisher: name, number: 0, index: this.#offers };
    const bytes = encodeLive(live, place, true);
    return new Promise((resolve) => {
      let nobody = 0;
      const done = (reached: number): void => {
        clearTimeout(timer);
        inbox.close();
        resolve(reached);
      };
      const timer = setTimeout(() => done(0), limits.offerTimeoutMs);
      const inbox = requester.open((answer) => {
        if (answer === undefined) nobody += 1;
        const reached = answer === undefined ? 0 : this.#reached(answer);
        if (reached > 0 || nobody === subjects.length) done(reached);
      });
      if (subjects.length === 0) done(0);
      for (const subject of subjects) link.publish(subject, bytes, inbox.subject);
    });
  }

  found(): void {
    if (this.#timer !== undefined) this.#repeatBeat();
  }

  /** Says farewell. */
  close(): void {
    this.#isClosed = true;
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    const { link, subjects } = this.#options;
    if (!this.#sync!.isClosed()) this.#sync!.unsubscribe();
    link.publish(subjects.beat, this.#beat({ isRepeated: true, isFarewell: true }));
  }

  #publishPrivate(live: LiveRecord, readers: readonly PublicKey[], place: LivePlace): void {
    const prefix = this.#options.subjects.live(live.role);
    const isWithheld = liveBytes(live) * readers.length > this.#options.limits.readerCopyBytesMax;
    const bytes = isWithheld ? encodeWithheld(live, place) : encodeLive(live, place, false);
    this.#publishCopies(bytes, subjectsOfReaders(prefix, readers));
  }

  #publishCopies(bytes: Uint8Array, subjects: readonly string[]): void {
    const { link } = this.#options;
    for (const subject of subjects) link.publish(subject, bytes);
  }

  #publicSubjects(live: LiveRecord): string[] {
    const { subjects, limits } = this.#options;
    const bounds = { tagsMax: limits.tagsMax, copyBytesMax: limits.tagCopyBytesMax };
    return recordSubjects(subjects.live(live.role), live.record, liveBytes(live), bounds);
  }

  #offerSubjects(live: LiveRecord & { readonly readers: readonly PublicKey[] }): string[] {
    const { limits, subjects } = this.#options;
    const copies = Math.floor(limits.readerCopyBytesMax / liveBytes(live));
    return subjectsOfReaders(subjects.live(live.role), live.readers).slice(0, copies);
  }

  #reached(answer: Uint8Array): number {
    try {
      return decodeReached(answer);
    } catch {
      this.#options.counters.malformed += 1;
      return 0;
    }
  }

  #repeatBeat(): void {
    const { link, subjects } = this.#options;
    if (link.isClogged) return;
    link.publish(subjects.beat, this.#beat({ isRepeated: true }));
  }

  /** @param as by default the beat that ends the last batch */
  #beat(as: Partial<Pick<Beat, 'isRepeated' | 'isFarewell'>> = {}): Uint8Array {
    return encodeBeat({
      publisher: this.#options.name,
      number: this.#number,
      sentAt: timestampFromMillis(this.#options.now()),
      startedAt: this.#startedAt,
      isRepeated: false,
      isFarewell: false,
      ...as,
    });
  }
}

function subjectsOfReaders(prefix: string, readers: readonly PublicKey[]): string[] {
  return [...new Set(readers.map((reader) => readerSubject(prefix, reader)))];
}
