/** Protects what a listener concludes from numbers and silence: every loss, and no false alarm. */
import { timestampFromMillis } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { BUS_LIMITS } from './bus-limits.ts';
import { PublisherWatch } from './publisher-watch.ts';
import { fakeRecord } from '@mosaic-cluster/protocol/testing';

const START = 1_700_000_000_000;
const limits = { ...BUS_LIMITS, gapMarginMs: 1_000 };
const publisher = new Uint8Array(8).fill(7);
const record = fakeRecord();

let now: number;
let gaps: number[];
let watch: PublisherWatch;
beforeEach(() => {
  now = START;
  gaps = [];
  watch = new PublisherWatch({
    limits,
    now: () => now,
    gap: (since) => gaps.push(Number((since - timestampFromMillis(START)) / 1_000_000n)),
  });
});

function beat(
  number: number,
  more: {
    name?: Uint8Array;
    startedAt?: number;
    sentAt?: number;
    bye?: boolean;
    again?: boolean;
  } = {},
): void {
  watch.beat({
    publisher: more.name ?? publisher,
    number,
    sentAt: timestampFromMillis(more.sentAt ?? now),
    startedAt: timestampFromMillis(more.startedAt ?? START),
    isRepeated: more.again ?? false,
    isFarewell: more.bye ?? false,
  });
}

function live(number: number, index: number, isEphemeral = false): boolean {
  const receivedAt = timestampFromMillis(now);
  const message = { role: 'outbox', record, receivedAt, readers: undefined } as const;
  return watch.live({ publisher, number, index, isEphemeral, live: message });
}

describe('numbers', () => {
  it('that follow each other are no gap, wherever listening began', () => {
    beat(41);
    expect(live(42, 0)).toBe(true);
    beat(42);
    beat(42, { again: true });
    beat(43);
    beat(43, { again: true, bye: true });
    expect(gaps).toEqual([]);
  });

  it('that skip one are a gap since the last good beat', () => {
    now += 500;
    beat(1);
    now += 5_000;
    beat(3);
    expect(gaps).toEqual([-500]);
    now += 1_000;
    expect(live(5, 0)).toBe(true);
    expect(gaps).toEqual([-500, 4_500]);
    beat(5);
    expect(gaps).toHaveLength(2);
  });

  it('of ephemeral records are none', () => {
    expect(live(0, 1, true)).toBe(true);
    expect(live(0, 1, true)).toBe(false);
    expect(live(0, 2, true)).toBe(true);
    beat(9);
    live(0, 3, true);
    beat(10);
    expect(gaps).toEqual([]);
  });

  it('of a publisher that should have been heard before are a gap', () => {
    now += 60_000;
    beat(4, { startedAt: START + 30_000 });
    expect(gaps).toEqual([29_000]);
    beat(0, { name: new Uint8Array(8), startedAt: START + 60_000 });
    expect(gaps).toHaveLength(1);
  });

  it('that were ended before, unheard, are a gap, told once', () => {
    beat(1);
    beat(2, { again: true });
    expect(gaps).toEqual([-1_000]);
    beat(2, { again: true });
    beat(3);
    expect(gaps).toHaveLength(1);
  });

  it('of a batch whose end never came are a gap, however the next message is numbered', () => {
    beat(1);
    live(2, 0);
    beat(2, { again: true });
    expect(gaps).toHaveLength(1);
    live(3, 0);
    live(4, 0);
    expect(gaps).toHaveLength(2);
    beat(4);
    beat(3);
    beat(5);
    expect(gaps).toHaveLength(2);
  });

  it('find every batch that is lost, whatever is lost with it', () => {
    // Of each batch, none, one or both messages arrive: a record, and the beat that ends it.
    const arrival = fc.tuple(fc.boolean(), fc.boolean());
    fc.assert(
      fc.property(fc.array(arrival, { minLength: 2, maxLength: 30 }), (arrivals) => {
        const found: bigint[] = [];
        const fresh = new PublisherWatch({
          limits,
          now: () => now,
          gap: (since) => found.push(since),
        });
        const sentAt = timestampFromMillis(now);
        const say = (number: number, isRepeated: boolean): void =>
          fresh.beat({
            publisher,
            number,
            sentAt,
            startedAt: sentAt,
            isRepeated,
            isFarewell: false,
          });
        say(0, false);
        arrivals.forEach(([isRecordHeard, isBeatHeard], i) => {
          const number = i + 1;
          const live = { role: 'outbox', record, receivedAt: sentAt, readers: undefined } as const;
          const place = { publisher, number, index: 0, isEphemeral: false };
          if (isRecordHeard) fresh.live({ ...place, live });
          if (isBeatHeard) say(number, false);
        });
        say(arrivals.length, true);
        // A cut loses what follows, so where the beat arrives, what it ends has arrived.
        expect(found.length > 0).toBe(arrivals.some(([, isBeatHeard]) => !isBeatHeard));
      }),
    );
  });
});

describe('copies', () => {
  it('of one record count once', () => {
    expect([live(1, 0), live(1, 0), live(1, 1), live(1, 0)]).toEqual([true, false, true, false]);
    expect([live(2, 0), live(2, 0)]).toEqual([true, false]);
  });

  it('that come late are passed on: nobody remembers so far back', () => {
    live(1, 0);
    live(2, 0);
    expect(live(1, 0)).toBe(true);
  });
});

describe('silence', () => {
  const checks = limits.silenceMs / limits.beatIntervalMs;

  it('is a gap, once, and over with the next beat', () => {
    beat(1);
    for (let i = 0; i <= 3 * checks; i++) watch.check();
    expect(gaps).toEqual([-1_000]);
    expect(watch.present.size).toBe(0);
    beat(1);
    expect(watch.present.size).toBe(1);
    expect(gaps).toHaveLength(1);
  });

  it('is none while there are beats, after a farewell, or when the listener itself was away', () => {
    for (let i = 0; i < 3 * checks; i++) {
      beat(1);
      watch.check();
    }
    for (let i = 0; i < checks - 1; i++) watch.check();
    watch.restart();
    watch.check();
    beat(1, { bye: true });
    for (let i = 0; i < 3 * checks; i++) watch.check();
    expect(gaps).toEqual([]);
  });
});

it('a watch remembers publishers within its bound', () => {
  for (let i = 0; i < 2 * limits.publishersMax; i++) {
    const name = new Uint8Array(8);
    new DataView(name.buffer).setUint32(0, i);
    beat(1, { name });
  }
  expect(watch.present.size).toBe(limits.publishersMax);
});

describe('a clock that is ahead of those of publishers', () => {
  const other = new Uint8Array(8).fill(8);

  it('is known from their beats, as long as what they received is searched for', () => {
    expect(watch.behindMs).toBe(0);
    beat(0, { sentAt: now - 40_000 });
    beat(0, { name: other, sentAt: now + 90_000 });
    expect(watch.behindMs).toBe(40_000);
    for (let check = 0; check * limits.beatIntervalMs <= limits.silenceMs; check++) watch.check();
    // Silent now: what it received shortly before is about to be looked for, or is being.
    expect(watch.present.size).toBe(0);
    expect(watch.behindMs).toBe(40_000);
    for (let check = 0; check < 120; check++) watch.check();
    expect(watch.behindMs).toBe(0);
  });

  it('hides nothing that a publisher sent which was not heard before', () => {
    now += 10_000;
    beat(0, { sentAt: now - 40_000 });
    // It was there when listening began, by its own clock 30 seconds before.
    beat(3, { name: other, sentAt: now - 40_000, startedAt: START - 100_000 });
    expect(gaps).toEqual([-41_000]);
  });
});
