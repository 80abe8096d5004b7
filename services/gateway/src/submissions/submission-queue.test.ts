/** Submissions gather in bounded batches and each gets its own answer. */
import { RESULT, type ResultCode } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveGatewayLimits } from '../limits.ts';
import { SubmissionQueue } from './submission-queue.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { fakeRecord } from '@mosaic-cluster/protocol/testing';
import { at, quiet } from '../../testing/test-gateway.ts';

interface Item {
  readonly record: ReturnType<typeof fakeRecord>;
  readonly submitter: undefined;
  readonly who: string;
}

function item(payloadBytes = 0, who = 'a:1'): Item {
  return { record: fakeRecord({ payloadBytes }), submitter: undefined, who };
}

interface Sent {
  readonly batch: readonly Item[];
  readonly answer: (results: readonly ResultCode[]) => void;
  readonly fail: (error: unknown) => void;
}

function queueWith(changes: Parameters<typeof resolveGatewayLimits>[0] = {}): {
  queue: SubmissionQueue<Item>;
  sent: Sent[];
  settled: [Item, ResultCode][];
} {
  const sent: Sent[] = [];
  const settled: [Item, ResultCode][] = [];
  const queue = new SubmissionQueue<Item>({
    submit: (batch) =>
      new Promise((answer, fail) => {
        sent.push({ batch, answer, fail });
      }),
    settle: (submission, result) => settled.push([submission, result]),
    failed: () => {},
    sent: () => {},
    sharesAs: ({ who }) => who,
    connectionOf: () => sent,
    limits: resolveGatewayLimits(changes),
    clock: new FakeClock(),
  });
  return { queue, sent, settled };
}

describe('a submission queue', () => {
  test('sends a lone record at once, and what gathers meanwhile together', async () => {
    const { queue, sent } = queueWith({ submissionBatchesInFlightMax: 1 });
    queue.offer(item());
    await quiet();
    expect(sent.map(({ batch }) => batch.length)).toEqual([1]);
    for (let i = 0; i < 5; i++) queue.offer(item());
    await quiet();
    expect(sent).toHaveLength(1);
    at(sent, 0).answer([RESULT.ACCEPTED]);
    await quiet();
    expect(sent.map(({ batch }) => batch.length)).toEqual([1, 5]);
  });

  test('refuses what exceeds its count or bytes', async () => {
    const { queue, sent } = queueWith({
      submissionQueueRecordsMax: 2,
      submissionBatchRecordsMax: 4,
      submissionBatchesInFlightMax: 1,
    });
    const offered = ['a:1', 'a:2', 'a:3'].map((who) => queue.offer(item(0, who)));
    expect(offered).toEqual([true, true, false]);
    await quiet();
    expect(at(sent, 0).batch).toHaveLength(2);
    expect(queue.offer(item())).toBe(true);
    const small = queueWith({ submissionQueueBytesMax: 500 });
    expect([small.queue.offer(item(100)), small.queue.offer(item(100))]).toEqual([true, false]);
  });

  test('has nobody wait for the batches of others who has nothing on its way', async () => {
    const { queue, sent, settled } = queueWith({
      submissionBatchRecordsMax: 4,
      submissionBatchesInFlightMax: 2,
    });
    const people = (): string[] => at(sent, sent.length - 1).batch.map(({ who }) => who);
    for (let i = 0; i < 8; i++) queue.offer(item(0, 'greedy'));
    await quiet();
    // Half of what is in hand is for others.
    expect(sent).toHaveLength(1);
    for (let i = 0; i < 4; i++) queue.offer(item(0, 'busy'));
    await quiet();
    expect(sent).toHaveLength(2);
    for (const who of ['b', 'b', 'c']) queue.offer(item(0, who));
    await quiet();
    expect(sent).toHaveLength(3);
    expect(people()).toEqual(['b', 'c']);
    // One such batch at a time, and the second record of somebody waits like any other.
    queue.offer(item(0, 'd'));
    await quiet();
    expect(sent).toHaveLength(3);
    at(sent, 2).answer([RESULT.ACCEPTED, RESULT.ACCEPTED]);
    await quiet();
    expect(sent).toHaveLength(4);
    expect(people()).toEqual(['b', 'd']);
    for (const { batch, answer } of sent) answer(batch.map(() => RESULT.ACCEPTED));
    await quiet();
    expect(people()).toEqual(['greedy', 'greedy', 'greedy', 'greedy']);
    at(sent, 4).answer(at(sent, 4).batch.map(() => RESULT.ACCEPTED));
    await quiet();
    expect(settled).toHaveLength(16);
    expect(queue.waiting).toBe(0);
  });

  test('has people take turns, and leaves room for those who come late', async () => {
    const { queue, sent } = queueWith({
      submissionQueueRecordsMax: 64,
      submissionBatchRecordsMax: 4,
      submissionBatchesInFlightMax: 1,
    });
    let taken = 0;
    while (queue.offer(item(taken, 'a:flood'))) taken += 1;
    expect(taken).toBe(32);
    for (const who of ['a:1', 'a:1', 'a:2']) expect(queue.offer(item(0, who))).toBe(true);
    for (let n = 0; n < 3; n++) {
      await quiet();
      at(sent, n).answer(at(sent, n).batch.map(() => RESULT.ACCEPTED));
    }
    const order = sent.flatMap(({ batch }) => batch.map(({ who }) => who));
    expect(order.slice(0, 6)).toEqual(['a:flood', 'a:1', 'a:2', 'a:flood', 'a:1', 'a:flood']);
    const floods = sent.flatMap(({ batch }) => batch).filter(({ who }) => who === 'a:flood');
    const sizes = floods.map(({ record }) => record.payloadLength);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  });

  test('answers a batch that failed by its error, and missing results as a bug', async () => {
    const { queue, sent, settled } = queueWith();
    queue.offer(item());
    await quiet();
    at(sent, 0).fail(Object.assign(new Error('full'), { kind: 'limited' }));
    await quiet();
    queue.offer(item());
    queue.offer(item());
    await quiet();
    at(sent, 1).answer([RESULT.DUPLICATE]);
    await quiet();
    expect(settled.map(([, result]) => result)).toEqual([
      RESULT.TOO_FAST,
      RESULT.DUPLICATE,
      RESULT.GENERAL_ERROR,
    ]);
  });

  test('keeps order and bounds whatever arrives when', async () => {
    const step = fc.oneof(
      fc.record({ offer: fc.integer({ min: 0, max: 900 }) }),
      fc.constant('answer' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const limits = {
          submissionBatchRecordsMax: 3,
          submissionBatchBytesMax: 2000,
          submissionBatchesInFlightMax: 2,
        };
        const { queue, sent, settled } = queueWith(limits);
        const offered: Item[] = [];
        let answered = 0;
        const answerNext = (): void => {
          const next = sent[answered];
          if (next === undefined) return;
          answered += 1;
          next.answer(next.batch.map(() => RESULT.ACCEPTED));
        };
        for (const action of steps) {
          if (action === 'answer') answerNext();
          else queue.offer(at(offered, offered.push(item(action.offer)) - 1));
          await quiet();
          expect(sent.length - answered).toBeLessThanOrEqual(2);
        }
        while (answered < sent.length) {
          answerNext();
          await quiet();
        }
        for (const { batch } of sent) {
          const bytes = batch.reduce((sum, { record }) => sum + record.bytes.length, 0);
          expect(batch.length <= 3 && (bytes <= 2000 || batch.length === 1)).toBe(true);
        }
        expect(sent.flatMap(({ batch }) => batch)).toEqual(offered);
        expect(settled.map(([submission]) => submission)).toEqual(offered);
        expect(queue.waiting).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});
