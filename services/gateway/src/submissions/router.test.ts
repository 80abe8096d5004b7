/** Records go to the roles they are for, and several answers become one. */
import type { RoleName } from '@mosaic-cluster/bus';
import { RESULT, type ResultName } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeResults } from './router.ts';
import {
  type FakeRecord,
  fakeKey,
  fakeRecord,
  KIND,
  notifyTag,
} from '@mosaic-cluster/protocol/testing';
import { TestGateway } from '../../testing/test-gateway.ts';

const NOTIFIES = { tags: [notifyTag(fakeKey(2))] };
const REPLIES = { tags: [{ type: 0x02, value: new Uint8Array(60) }] };
const MENTIONS = { tags: [{ ...notifyTag(fakeKey(2)), type: 0x20 }] };
const ALL = ['outbox', 'inbox', 'encryption'] as const;

interface Case {
  readonly what: string;
  readonly roles?: readonly RoleName[];
  readonly record: FakeRecord;
  readonly outbox?: ResultName;
  readonly inbox?: ResultName;
  readonly asked: readonly RoleName[];
  readonly result: ResultName;
}

const CASES: readonly Case[] = [
  { what: 'public, served', record: NOTIFIES, asked: ['outbox'], result: 'ACCEPTED' },
  {
    what: 'public, not served, concerns nobody',
    record: MENTIONS,
    outbox: 'UNAUTHORIZED',
    asked: ['outbox'],
    result: 'UNAUTHORIZED',
  },
  {
    what: 'public, not served, notifies',
    record: NOTIFIES,
    outbox: 'UNAUTHORIZED',
    asked: ['outbox', 'inbox'],
    result: 'ACCEPTED',
  },
  {
    what: 'public, not served, replies, not for the inbox either',
    record: REPLIES,
    outbox: 'UNAUTHORIZED',
    inbox: 'UNAUTHORIZED',
    asked: ['outbox', 'inbox'],
    result: 'UNAUTHORIZED',
  },
  {
    what: 'public, not served, inbox wants to know who it is',
    record: REPLIES,
    outbox: 'UNAUTHORIZED',
    inbox: 'REQUIRES_AUTHENTICATION',
    asked: ['outbox', 'inbox'],
    result: 'REQUIRES_AUTHENTICATION',
  },
  {
    what: 'public, invalid for the outbox',
    record: NOTIFIES,
    outbox: 'INVALID',
    asked: ['outbox'],
    result: 'INVALID',
  },
  {
    what: 'public, outbox out of order',
    record: NOTIFIES,
    outbox: 'TEMPORARY_ERROR',
    asked: ['outbox'],
    result: 'TEMPORARY_ERROR',
  },
  {
    what: 'public, no outbox here, notifies',
    roles: ['inbox', 'encryption'],
    record: NOTIFIES,
    asked: ['inbox'],
    result: 'ACCEPTED',
  },
  {
    what: 'public, no outbox here, concerns nobody',
    roles: ['inbox', 'encryption'],
    record: {},
    asked: [],
    result: 'UNAUTHORIZED',
  },
  {
    what: 'for author and tagged',
    record: { ...NOTIFIES, kind: KIND.tagged },
    asked: ['encryption'],
    result: 'ACCEPTED',
  },
  {
    what: 'for the author only',
    record: { kind: KIND.authorOnly },
    asked: ['encryption'],
    result: 'ACCEPTED',
  },
  {
    what: 'private, no encryption here',
    roles: ['outbox', 'inbox'],
    record: { ...NOTIFIES, kind: KIND.tagged },
    asked: [],
    result: 'UNAUTHORIZED',
  },
];

describe('routing', () => {
  test.each(CASES)('$what', async ({ roles = ALL, record, outbox, inbox, asked, result }) => {
    const gateway = new TestGateway({}, roles);
    gateway.outbox.judge = () => RESULT[outbox ?? 'ACCEPTED'];
    gateway.inbox.judge = () => RESULT[inbox ?? 'ACCEPTED'];
    const client = gateway.connect();
    client.submit(fakeRecord(record));
    expect(await client.story()).toEqual([`result ${result} 1.0`]);
    expect(ALL.filter((name) => gateway[name].batches.length > 0)).toEqual(asked);
  });

  test('a role that fails answers by its error', async () => {
    const gateway = new TestGateway();
    gateway.outbox.gate = () => Promise.reject(new Error('bug'));
    const client = gateway.connect();
    client.submit(fakeRecord());
    expect(await client.story()).toEqual(['result GENERAL_ERROR 1.0']);
    expect(gateway.gateway.counters.serverFaults).toBe(1);
  });

  test('a role that plays no part is unavailable, not forgotten', async () => {
    const gateway = new TestGateway();
    await gateway.bus.close();
    const client = gateway.connect();
    client.submit(fakeRecord());
    client.query(1, [{ name: 'authors', keys: [fakeKey(1)] }]);
    expect((await client.story()).sort()).toEqual([
      'closed 1 TEMPORARY_ERROR',
      'result TEMPORARY_ERROR 1.0',
    ]);
  });
});

test('accepted by any is accepted, whatever the other says', () => {
  const results = fc.constantFrom(...Object.values(RESULT));
  fc.assert(
    fc.property(results, results, (a, b) => {
      const merged = mergeResults(a, b);
      expect([a, b]).toContain(merged);
      if (a === RESULT.ACCEPTED || b === RESULT.ACCEPTED) {
        expect([RESULT.SUCCESS, RESULT.ACCEPTED]).toContain(merged);
      }
      if (merged === RESULT.UNAUTHORIZED) expect([a, b]).toEqual([merged, merged]);
      if (merged > RESULT.NO_CONSUMERS) expect(Math.min(a, b)).toBeGreaterThan(4);
    }),
  );
});
