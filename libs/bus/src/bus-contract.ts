/** What every bus must do, as a test suite that each adapter runs. */
import { equalBytes, hexEncode, MosaicError, RESULT } from '@mosaic-cluster/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bus, CallContext, Page, QueryRequest, RoleService } from './contract.ts';
import { fakeKey, fakeRecord } from '@mosaic-cluster/protocol/testing';
import {
  BUDGET,
  type BusUnderTest,
  EMPTY,
  fakeRole,
  FILTER,
  hashOf,
  serialOf,
} from './contract-fixture.ts';
import { describeLive } from './contract-live.ts';

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

    describeLive(() => subject);
  });
}
