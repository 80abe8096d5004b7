/** A record waits for the key schedules that its connection sent before it, and for nothing else. */
import { RESULT, type RecordView, type ResultCode } from '@mosaic-cluster/protocol';
import { describe, expect, test } from 'vitest';
import { PendingSubmission, type SubmissionOwner } from './pending-submission.ts';
import type { RoutedSubmission } from './router.ts';
import { ScheduleOrder } from './schedule-order.ts';
import { fakeKey, fakeRecord, KIND } from '@mosaic-cluster/protocol/testing';
import { at, quiet, TestGateway } from '../../testing/test-gateway.ts';

const [ALICE, BOB, SUBKEY] = [fakeKey(1), fakeKey(2), fakeKey(3)];

const schedule = (timestamp: number, author = ALICE): RecordView =>
  fakeRecord({ timestamp, author, kind: KIND.keySchedule });
const bySubkey = (timestamp: number, author = ALICE): RecordView =>
  fakeRecord({ timestamp, author, signingKey: SUBKEY });

/** A gateway whose outbox answers when told. */
function heldUp(limits: ConstructorParameters<typeof TestGateway>[0] = {}): {
  gateway: TestGateway;
  answer: (result?: ResultCode) => void;
} {
  const gateway = new TestGateway(limits);
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  gateway.outbox.gate = () => gate;
  return {
    gateway,
    answer: (result = RESULT.ACCEPTED) => {
      gateway.outbox.judge = ({ record }) => (record.isKeySchedule ? result : RESULT.ACCEPTED);
      open();
    },
  };
}

function recordsAsked(gateway: TestGateway): number {
  const batches = [...gateway.outbox.batches, ...gateway.encryption.batches];
  return batches.reduce((sum, batch) => sum + batch.length, 0);
}

describe('a record behind a key schedule', () => {
  test.each([
    ['signed by another key than its author’s', undefined, bySubkey(2)],
    [
      'from its author’s subkey',
      SUBKEY,
      fakeRecord({ timestamp: 2, fromAuthor: true, kind: KIND.authorOnly }),
    ],
  ])('waits for the answer where it is %s', async (_, key, dependent) => {
    const { gateway, answer } = heldUp();
    const client = gateway.connect(key);
    client.submit(schedule(1));
    client.submit(dependent);
    expect(await client.story()).toEqual([]);
    expect(recordsAsked(gateway)).toBe(1);
    answer();
    expect(await client.story()).toEqual(['result ACCEPTED 1.0', 'result ACCEPTED 2.0']);
    expect(recordsAsked(gateway)).toBe(2);
  });

  test.each([
    ['signed by its author', ALICE, fakeRecord({ timestamp: 2 })],
    [
      'from its author',
      ALICE,
      fakeRecord({ timestamp: 2, fromAuthor: true, kind: KIND.authorOnly }),
    ],
    ['by somebody else', ALICE, bySubkey(2, BOB)],
    ['another schedule', ALICE, schedule(2)],
  ])('goes on where it is %s', async (_, key, record) => {
    const { gateway } = heldUp();
    const client = gateway.connect(key);
    client.submit(schedule(1));
    client.submit(record);
    await quiet();
    expect(recordsAsked(gateway)).toBe(2);
  });

  test('goes on where somebody else sent the schedule', async () => {
    const { gateway } = heldUp();
    gateway.connect().submit(schedule(1));
    gateway.connect().submit(bySubkey(2));
    await quiet();
    expect(recordsAsked(gateway)).toBe(2);
  });

  test('is told to come again where the schedule is', async () => {
    const { gateway, answer } = heldUp();
    const client = gateway.connect();
    client.submit(schedule(1));
    client.submit(bySubkey(2));
    await quiet();
    answer(RESULT.TEMPORARY_ERROR);
    expect((await client.story()).toSorted()).toEqual([
      'result TEMPORARY_ERROR 1.0',
      'result TEMPORARY_ERROR 2.0',
    ]);
    expect(recordsAsked(gateway)).toBe(1);
    client.submit(bySubkey(2));
    expect(await client.story()).toEqual(['result ACCEPTED 2.0']);
  });

  test('goes its way where the schedule is refused', async () => {
    const { gateway, answer } = heldUp();
    const client = gateway.connect();
    client.submit(schedule(1));
    client.submit(bySubkey(2));
    await quiet();
    answer(RESULT.INVALID);
    expect(await client.story()).toEqual(['result INVALID 1.0', 'result ACCEPTED 2.0']);
  });

  test('is refused past the bound, in records and in bytes', async () => {
    const { length } = bySubkey(1).bytes;
    for (const limits of [{ dependentRecordsMax: 1 }, { dependentBytesMax: length }]) {
      const { gateway, answer } = heldUp(limits);
      const [client, other] = [gateway.connect(), gateway.connect()];
      client.submit(schedule(1));
      other.submit(schedule(2));
      client.submit(bySubkey(3));
      other.submit(bySubkey(4));
      expect(await other.story()).toEqual(['result TOO_FAST 4.0']);
      answer();
      await quiet();
      // Room is given back.
      other.submit(bySubkey(5));
      expect(await other.story()).toContain('result ACCEPTED 5.0');
    }
  });
});

test('who holds up much leaves room for others', () => {
  const order = new ScheduleOrder({ dependentRecordsMax: 32, dependentBytesMax: 1e6 });
  const heldBy = (owner: SubmissionOwner): number => {
    const submission = (record: RecordView): RoutedSubmission => {
      return new PendingSubmission({ record, submitter: undefined }, owner, 0, undefined);
    };
    order.forwarded(submission(schedule(1)));
    let held = 0;
    while (order.hold(submission(bySubkey(held))) === 'held') held += 1;
    return held;
  };
  const owner = (sharesAs: string): SubmissionOwner => ({ sharesAs, settled: () => {} });
  // Connection after connection of one address has no more than half, and others have theirs.
  expect([heldBy(owner('a:1')), heldBy(owner('a:1'))]).toEqual([16, 0]);
  expect([heldBy(owner('a:2')), heldBy(owner('a:3'))]).toEqual([2, 2]);
});

test('each record waits for the schedules before it, and not for those after', () => {
  const order = new ScheduleOrder({ dependentRecordsMax: 9, dependentBytesMax: 9_999 });
  const owner: SubmissionOwner = { sharesAs: 'a:1', settled: () => {} };
  const submission = (record: RecordView): RoutedSubmission => {
    return new PendingSubmission({ record, submitter: undefined }, owner, 0, undefined);
  };
  const schedules = [1, 2, 3].map((n) => submission(schedule(n)));
  const dependents = [11, 12, 13].map((n) => submission(bySubkey(n)));
  schedules.forEach((each, i) => {
    order.forwarded(each);
    expect(order.hold(at(dependents, i))).toBe('held');
  });
  const answered = (n: number): RoutedSubmission[] =>
    order.answered(at(schedules, n), RESULT.ACCEPTED).map((each) => each.submission);
  expect(answered(1)).toEqual([]);
  expect(answered(0)).toEqual(dependents.slice(0, 2));
  expect(answered(0)).toEqual([]);
  expect(answered(2)).toEqual(dependents.slice(2));
  expect(order.hold(at(dependents, 0))).toBe('free');
});
