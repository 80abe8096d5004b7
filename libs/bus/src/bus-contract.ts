/** What every bus must do, as a test suite that each adapter runs. */
import { createHash } from 'node:crypto';
import {
  buildFilter,
  equalBytes,
  hexEncode,
  MosaicError,
  type RecordView,
  RESULT,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  Bus,
  CallContext,
  LiveInterest,
  LiveRecord,
  Page,
  PageBudget,
  QueryRequest,
  RoleService,
} from './contract.ts';
import { fakeKey, fakeRecord, KIND, notifyTag } from '@mosaic-cluster/protocol/testing';

/** A bus for a test, with one end at a worker and one at a gateway. */
export interface BusUnderTest {
  readonly worker: Bus;
  readonly gateway: Bus;
  destroy(): Promise<void>;
}

const BUDGET: PageBudget = { records: 64, bytes: 65_536, scanned: 1024 };
const FILTER = buildFilter([{ name: 'authors', keys: [fakeKey(1)] }]);
const EMPTY: Page = { records: [], next: undefined, below: undefined };

/** A role that does nothing, but for what a test gives it. */
export function fakeRole(more: Partial<RoleService> = {}): RoleService {
  return {
    submit: async (submissions) => submissions.map(() => RESULT.ACCEPTED),
    query: async () => EMPTY,
    get: async () => EMPTY,
    identities: async (key) => [key],
    ...more,
  };
}

/** A live record of the outbox. */
export function liveRecord(record: RecordView, more: Partial<LiveRecord> = {}): LiveRecord {
  return {
    role: 'outbox',
    record,
    receivedAt: 1_700_000_000_000_000_000n,
    ...more,
    readers: more.readers,
  };
}

/** Waits until something is so; fails with what was seen instead. */
export async function until<T>(look: () => T, isSo: (seen: T) => boolean, ms = 10_000): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const seen = look();
    if (isSo(seen)) return seen;
    if (performance.now() > deadline) throw new Error(`waited in vain, saw ${String(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Serials of the records that a listener heard, in order. */
export class Heard {
  readonly records: LiveRecord[] = [];
  readonly gaps: Timestamp[] = [];
  /** Subscribers that each record reaches. */
  reaches = 1;

  readonly handler = (records: readonly LiveRecord[]): number[] => {
    this.records.push(...records);
    return records.map(() => this.reaches);
  };

  readonly onGap = (since: Timestamp): void => {
    this.gaps.push(since);
  };

  serialsOf(isWanted: (record: RecordView) => boolean = () => true): number[] {
    return this.records
      .filter(({ record }) => isWanted(record))
      .map(({ record }) => serialOf(record));
  }
}

/** What tells fake records apart. */
export function serialOf({ bytes }: RecordView): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
}

/** Compares large records without printing them. */
function hashOf({ bytes }: RecordView): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Declares the suite. */
export function describeBus(name: string, open: () => Promise<BusUnderTest>): void {
  describe(`bus: ${name}`, () => {
    let subject: BusUnderTest;
    let worker: Bus;
    let gateway: Bus;
    beforeEach(async () => {
      subject = await open();
      ({ worker, gateway } = subject);
    });
    afterEach(() => subject.destroy());
    const query = (more: Partial<QueryRequest> = {}): QueryRequest => {
      return { filter: FILTER, reader: undefined, cursor: undefined, budget: BUDGET, ...more };
    };

    describe('calls', () => {
      it('bring submissions to a role and its results back, in order', async () => {
        const seen: string[] = [];
        worker.serve(
          'outbox',
          fakeRole({
            submit: async (submissions) => {
              for (const { record, submitter } of submissions) {
                seen.push(`${serialOf(record)} ${submitter === undefined ? '-' : submitter[0]}`);
              }
              return submissions.map((_, i) => (i === 1 ? RESULT.DUPLICATE : RESULT.ACCEPTED));
            },
          }),
        );
        const results = await gateway.role('outbox').submit([
          { record: fakeRecord({ serial: 1 }), submitter: fakeKey(5) },
          { record: fakeRecord({ serial: 2 }), submitter: undefined },
          { record: fakeRecord({ serial: 3, payloadBytes: 1000 }), submitter: fakeKey(6) },
        ]);
        expect(results).toEqual([RESULT.ACCEPTED, RESULT.DUPLICATE, RESULT.ACCEPTED]);
        expect(seen).toEqual(['1 5', '2 -', '3 6']);
      });

      it('bring queries and gets with all they say, and pages with all they hold', async () => {
        const seen: unknown[] = [];
        const record = fakeRecord({ serial: 4 });
        const page: Page = {
          records: [{ record, receivedAt: 12n }],
          next: fakeKey(1),
          below: record.id,
        };
        const answer = async (request: unknown): Promise<Page> => {
          seen.push(request);
          return page;
        };
        worker.serve('inbox', fakeRole({ query: answer, get: answer }));
        const asked = query({ reader: fakeKey(2), cursor: fakeKey(3) });
        const pages = [
          await gateway.role('inbox').query(asked),
          await gateway.role('inbox').get({ ...asked, references: [record.id, record.address] }),
        ];
        for (const { records, next, below } of pages) {
          expect(records.map((served) => [serialOf(served.record), served.receivedAt])).toEqual([
            [4, 12n],
          ]);
          expect(equalBytes(next ?? new Uint8Array(0), fakeKey(1))).toBe(true);
          expect(equalBytes(below ?? new Uint8Array(0), record.id)).toBe(true);
        }
        expect(seen).toMatchObject([
          { budget: BUDGET, filter: { elements: [{ name: 'authors' }] } },
          { budget: BUDGET, references: [{ length: 48 }, { length: 48 }] },
        ]);
        for (const { reader, cursor } of seen as QueryRequest[]) {
          expect(hexEncode(reader!)).toBe(hexEncode(fakeKey(2)));
          expect(hexEncode(cursor!)).toBe(hexEncode(fakeKey(3)));
        }
      });

      it('say what they are for, and hear how the work went', async () => {
        const report = { worker: 'worker/1', tookMs: 7, steps: { verify: 3, append: 2 } };
        const trace = { traceId: '0123456789abcdef'.repeat(2), spanId: '0123456789abcdef' };
        const seen: unknown[] = [];
        const work = (call: CallContext | undefined): void => {
          seen.push([call?.requestId, call?.trace]);
          call?.answered(report);
        };
        worker.serve(
          'inbox',
          fakeRole({
            submit: async (submissions, call) => {
              work(call);
              return submissions.map(() => RESULT.ACCEPTED);
            },
            query: async (_, call) => {
              work(call);
              return EMPTY;
            },
            get: async (_, call) => {
              work(call);
              throw new MosaicError('unavailable', 'away', 'it is away');
            },
          }),
        );
        const heard: unknown[] = [];
        const answered = (said: unknown): void => void heard.push(said);
        const role = gateway.role('inbox');
        const page = { reader: undefined, cursor: undefined, budget: BUDGET };
        await role.submit([], { requestId: 'a-1', trace, answered });
        await role.query(
          { ...page, filter: FILTER },
          { requestId: 'a-2', trace: undefined, answered },
        );
        const failing = role.get(
          { ...page, references: [] },
          { requestId: 'a-3', trace, answered },
        );
        await expect(failing).rejects.toMatchObject({ code: 'away' });
        await role.submit([]);
        expect(seen).toEqual([
          ['a-1', trace],
          ['a-2', undefined],
          ['a-3', trace],
          [undefined, undefined],
        ]);
        expect(heard).toEqual([report, report, report]);
      });

      it('reach the role that was meant, and come back to whoever asked', async () => {
        const serve = (first: number): RoleService =>
          fakeRole({ identities: async (key) => [Uint8Array.from([first, ...key.subarray(1)])] });
        worker.serve('outbox', serve(1));
        worker.serve('inbox', serve(2));
        const asked = Array.from({ length: 200 }, async (_, i) => {
          const [key] = await gateway.role(i % 2 === 0 ? 'outbox' : 'inbox').identities(fakeKey(i));
          return [key?.[0], key?.[31]];
        });
        const expected = Array.from({ length: 200 }, (_, i) => [1 + (i % 2), i]);
        expect(await Promise.all(asked)).toEqual(expected);
      });

      it('fail with what the role threw', async () => {
        worker.serve(
          'encryption',
          fakeRole({
            submit: async () => {
              throw new MosaicError('limited', 'queue-full', 'come back later');
            },
          }),
        );
        await expect(gateway.role('encryption').submit([])).rejects.toMatchObject({
          kind: 'limited',
          code: 'queue-full',
          message: 'come back later',
        });
      });

      it('fail where nobody serves the role, and work once somebody does', async () => {
        const lost = gateway.role('inbox').identities(fakeKey(1));
        await expect(lost).rejects.toMatchObject({ kind: 'unavailable', code: 'no-responders' });
        expect(gateway.serves('inbox')).toBe(false);
        const stop = worker.serve('inbox', fakeRole());
        expect(await gateway.role('inbox').identities(fakeKey(1))).toHaveLength(1);
        expect(gateway.serves('inbox')).toBe(true);
        expect(() => worker.serve('inbox', fakeRole())).toThrow(/served already/);
        stop();
        // What is on its way meanwhile may still be served.
        let failure: unknown;
        while (failure === undefined) {
          failure = await gateway
            .role('inbox')
            .identities(fakeKey(1))
            .then(
              () => undefined,
              (error: unknown) => error,
            );
        }
        expect(failure).toMatchObject({ kind: 'unavailable', code: 'no-responders' });
      });

      it('are not held up by a slow one', async () => {
        let finish = (): void => {};
        const slow = new Promise<void>((resolve) => {
          finish = resolve;
        });
        worker.serve(
          'outbox',
          fakeRole({
            query: async () => {
              await slow;
              return EMPTY;
            },
          }),
        );
        const waiting = gateway.role('outbox').query(query());
        expect(await gateway.role('outbox').identities(fakeKey(1))).toHaveLength(1);
        finish();
        expect((await waiting).records).toEqual([]);
      });

      it('carry the largest records, and pages and batches of many', async () => {
        const payloadBytes = 1_048_360;
        const largest = Array.from({ length: 6 }, (_, serial) =>
          fakeRecord({ serial, payloadBytes }),
        );
        const seen: number[] = [];
        worker.serve(
          'outbox',
          fakeRole({
            submit: async (submissions) => {
              for (const { record } of submissions) seen.push(serialOf(record));
              return submissions.map(({ record }) => (serialOf(record) === 3 ? 36 : 2));
            },
            query: async () => ({
              records: largest.map((record) => ({ record, receivedAt: 1n })),
              next: undefined,
              below: undefined,
            }),
          }),
        );
        const submissions = largest.map((record) => ({ record, submitter: fakeKey(1) }));
        expect(await gateway.role('outbox').submit(submissions)).toEqual([2, 2, 2, 36, 2, 2]);
        expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
        const { records } = await gateway.role('outbox').query(query());
        const got = records.map(({ record }) => hashOf(record));
        expect(got).toEqual(largest.map(hashOf));
      });
    });

    describe('live records', () => {
      // Whoever publishes serves a role, and is known by that.
      beforeEach(() => {
        worker.serve('inbox', fakeRole());
      });
      const byAuthor = (number: number) => (record: RecordView) =>
        equalBytes(record.author, fakeKey(number));

      async function listen(...interests: LiveInterest[]): Promise<Heard> {
        const heard = new Heard();
        const listener = gateway.listen(heard.handler, heard.onGap);
        for (const interest of interests) await listener.add(interest);
        return heard;
      }

      it.each<[string, LiveInterest]>([
        ['author', { author: fakeKey(1) }],
        ['signing key', { signingKey: fakeKey(2) }],
        ['kind', { kind: KIND.everybodyToo }],
        ['tag', { tag: Uint8Array.of(40, 0, 1, 0, 0, 0, 0, 0, ...fakeKey(3)) }],
        ['author and kind', { author: fakeKey(1), kind: KIND.everybodyToo }],
        ['nothing', {}],
      ])('arrive by %s', async (_, interest) => {
        const heard = await listen(interest);
        const record = fakeRecord({
          serial: 7,
          author: fakeKey(1),
          signingKey: fakeKey(2),
          kind: KIND.everybodyToo,
          tags: [notifyTag(fakeKey(3))],
        });
        worker.publish([liveRecord(record, { receivedAt: 99n, role: 'inbox' })]);
        await until(
          () => heard.records.length,
          (count) => count === 1,
        );
        expect(heard.records).toMatchObject([
          { role: 'inbox', receivedAt: 99n, readers: undefined },
        ]);
        expect(heard.serialsOf()).toEqual([7]);
      });

      it('arrive in order and once, however many interests they match', async () => {
        const kind = KIND.everybody;
        const heard = await listen(
          { author: fakeKey(1) },
          { kind },
          {},
          { author: fakeKey(1), kind },
        );
        const serials = Array.from({ length: 300 }, (_, serial) => serial);
        for (let at = 0; at < serials.length; at += 10) {
          const batch = serials.slice(at, at + 10);
          worker.publish(batch.map((serial) => liveRecord(fakeRecord({ serial }))));
        }
        await until(
          () => heard.records.length,
          (count) => count >= serials.length,
        );
        expect(heard.serialsOf()).toEqual(serials);
      });

      it('arrive for their readers', async () => {
        const heard = await listen({ reader: fakeKey(2) });
        const record = fakeRecord({ serial: 1, kind: KIND.tagged });
        const readers = [fakeKey(1), fakeKey(2)];
        worker.publish([liveRecord(record, { role: 'encryption', readers })]);
        await until(
          () => heard.records.length,
          (count) => count === 1,
        );
        expect(heard.records[0]?.readers?.map((key) => key[0])).toEqual([1, 2]);
      });

      it('arrive for one of a thousand interests', async () => {
        const heard = new Heard();
        const listener = gateway.listen(heard.handler);
        const numbers = Array.from({ length: 1000 }, (_, number) => number);
        await Promise.all(numbers.map((number) => listener.add({ author: fakeKey(number) })));
        worker.publish(
          numbers.map((number) =>
            liveRecord(fakeRecord({ serial: number, author: fakeKey(number) })),
          ),
        );
        await until(
          () => heard.records.length,
          (count) => count === 1000,
        );
        expect(heard.serialsOf()).toEqual(numbers);
      });

      it('reach everybody who listens, until they stop', async () => {
        const stay = new Heard();
        const leave = new Heard();
        const staying = gateway.listen(stay.handler);
        const leaving = gateway.listen(leave.handler);
        await Promise.all([
          staying.add({ author: fakeKey(1) }),
          leaving.add({ author: fakeKey(1) }),
        ]);
        await staying.add({ author: fakeKey(1) });
        worker.publish([liveRecord(fakeRecord({ serial: 1 }))]);
        await until(
          () => stay.records.length + leave.records.length,
          (count) => count === 2,
        );
        leaving.close();
        staying.remove({ author: fakeKey(1) });
        worker.publish([liveRecord(fakeRecord({ serial: 2 }))]);
        await until(
          () => stay.records.length,
          (count) => count === 2,
        );
        expect(stay.serialsOf(byAuthor(1))).toEqual([1, 2]);
        expect(leave.serialsOf(byAuthor(1))).toEqual([1]);
      });

      it('of 1 MiB arrive whole', async () => {
        const heard = await listen({ author: fakeKey(1) });
        const record = fakeRecord({ payloadBytes: 1_048_360 });
        worker.publish([liveRecord(record)]);
        await until(
          () => heard.records.length,
          (count) => count === 1,
        );
        expect(heard.records.map((live) => hashOf(live.record))).toEqual([hashOf(record)]);
      });
    });

    describe('ephemeral records', () => {
      beforeEach(() => {
        worker.serve('inbox', fakeRole());
      });
      const offered = liveRecord(
        fakeRecord({ kind: KIND.ephemeral, tags: [notifyTag(fakeKey(3)), notifyTag(fakeKey(4))] }),
      );

      it('reach nobody where nobody listens', async () => {
        expect(await worker.offer(offered)).toBe(0);
      });

      it('say whether they reached somebody, and come once', async () => {
        const heard = new Heard();
        const listener = gateway.listen(heard.handler);
        await listener.add({ author: fakeKey(1) });
        await listener.add({ kind: KIND.ephemeral });
        expect(await worker.offer(offered)).toBeGreaterThan(0);
        heard.reaches = 0;
        expect(await worker.offer(offered)).toBe(0);
        expect(heard.records).toHaveLength(2);
      });

      it('reach their readers', async () => {
        const heard = new Heard();
        const listener = gateway.listen(heard.handler);
        await listener.add({ reader: fakeKey(2) });
        const readers = [fakeKey(1), fakeKey(2)];
        expect(await worker.offer({ ...offered, role: 'encryption', readers })).toBeGreaterThan(0);
      });
    });

    it('lets what is being served be answered when it is closed', async () => {
      let finish = (): void => {};
      const started = new Promise<void>((resolve) => {
        worker.serve(
          'outbox',
          fakeRole({
            identities: async (key) => {
              resolve();
              await new Promise<void>((done) => {
                finish = done;
              });
              return [key];
            },
          }),
        );
      });
      const asked = gateway.role('outbox').identities(fakeKey(1));
      await started;
      const closed = worker.close();
      finish();
      expect(await asked).toHaveLength(1);
      await closed;
    });
  });
}
