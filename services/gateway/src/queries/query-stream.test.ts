/** Pages of several roles become one answer, newest first, paced by its reader. */
import type { Page, PageBudget, ServedRecord } from '@mosaic-cluster/bus';
import { compareBytes, type RecordView, timestampFromMillis } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveGatewayLimits } from '../limits.ts';
import { type PageSource, QueryStream } from './query-stream.ts';
import { StreamTurns } from './stream-turns.ts';
import { fakeRecord } from '@mosaic-cluster/protocol/testing';
import { nameOf } from '../../testing/fake-socket.ts';
import { at, quiet } from '../../testing/test-gateway.ts';

const LIMITS = resolveGatewayLimits();

function served(record: RecordView): ServedRecord {
  return { record, receivedAt: timestampFromMillis(0) };
}

/** A page that a role might give: some records, or none but a bound below which it goes on. */
interface PageShape {
  readonly count: number;
  /** How many bytes of an ID it gives as the bound; 0: it gives none. */
  readonly boundBytes: number;
}

/** A source over records, cut into pages of these shapes, over and over. */
function pagedSource(records: readonly RecordView[], shapes: readonly PageShape[]): PageSource {
  const sorted = [...records].sort((a, b) => compareBytes(b.id, a.id));
  let asked = 0;
  return async (cursor, budget): Promise<Page> => {
    const { count, boundBytes } = at(shapes, asked++ % shapes.length);
    const start = cursor === undefined ? 0 : Number(Buffer.from(cursor).toString());
    const end = Math.min(sorted.length, start + Math.min(count, budget.records));
    const hasNext = end < sorted.length;
    // The least that is above everything to come: the ID of the last record passed by, if any.
    const bound = boundBytes > 0 && hasNext ? sorted[end - 1]?.id : undefined;
    return {
      records: sorted.slice(start, end).map((record) => served(record)),
      next: hasNext ? Buffer.from(String(end)) : undefined,
      below: bound?.subarray(0, boundBytes),
    };
  };
}

class ListSink {
  readonly names: string[] = [];
  ended = 0;
  error: unknown;
  clogged = false;

  isClogged(): boolean {
    return this.clogged;
  }

  write(records: readonly ServedRecord[], ended: boolean): void {
    for (const { record } of records) this.names.push(nameOf(record.bytes));
    if (ended) this.ended += 1;
  }

  failed(error: unknown): void {
    this.error = error;
  }
}

function streamOf(sources: readonly PageSource[], sink: ListSink, limit = 0): QueryStream {
  return new QueryStream({ sources, sink, limit, pageRecordsFirst: 4, limits: LIMITS });
}

const timestamps = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 20 });
const shapes = fc
  .array(
    fc.record({ count: fc.integer({ min: 0, max: 5 }), boundBytes: fc.constantFrom(0, 12, 48) }),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  // A page always makes progress in the end.
  .map((list) => [...list, { count: 2, boundBytes: 48 }]);
const roles = fc.array(fc.record({ timestamps, shapes }), { maxLength: 3 });

function newestFirst(lists: readonly (readonly number[])[], limit: number): string[] {
  const distinct = [...new Set(lists.flat())].sort((a, b) => b - a);
  return distinct.slice(0, limit === 0 ? undefined : limit).map((timestamp) => `${timestamp}.0`);
}

function sourcesOf(
  lists: readonly { readonly timestamps: readonly number[]; readonly shapes: PageShape[] }[],
): PageSource[] {
  return lists.map(({ timestamps, shapes }) => {
    const distinct = [...new Set(timestamps)];
    return pagedSource(
      distinct.map((timestamp) => fakeRecord({ timestamp })),
      shapes,
    );
  });
}

describe('a query stream', () => {
  test('merges any pages, newest first, each record once, up to the limit', async () => {
    await fc.assert(
      fc.asyncProperty(roles, fc.integer({ min: 0, max: 12 }), async (lists, limit) => {
        const sink = new ListSink();
        const stream = streamOf(sourcesOf(lists), sink, limit);
        stream.resume();
        for (let turn = 0; turn < 30 && !stream.isOver; turn++) await quiet();
        const wanted = lists.map((list) => list.timestamps);
        expect(sink.names).toEqual(newestFirst(wanted, limit));
        expect(sink.ended).toBe(1);
      }),
    );
  });

  test('stands still while the client does not read, and loses nothing by it', async () => {
    const reads = fc.array(fc.boolean(), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(roles, reads, async (lists, pauses) => {
        const sink = new ListSink();
        const stream = streamOf(sourcesOf(lists), sink);
        stream.resume();
        for (const clogged of pauses) {
          sink.clogged = clogged;
          const before = sink.names.length;
          if (!clogged) stream.resume();
          await quiet();
          if (clogged) expect(sink.names).toHaveLength(before);
        }
        sink.clogged = false;
        stream.resume();
        for (let turn = 0; turn < 30 && !stream.isOver; turn++) await quiet();
        expect(sink.names).toEqual(
          newestFirst(
            lists.map((list) => list.timestamps),
            0,
          ),
        );
      }),
    );
  });

  test('holds one page of each role at most while the client does not read', async () => {
    const budgets: PageBudget[] = [];
    const records = Array.from({ length: 100 }, (_, timestamp) => fakeRecord({ timestamp }));
    const source = pagedSource(records, [{ count: 10, boundBytes: 0 }]);
    const sink = new ListSink();
    const stream = streamOf(
      [
        (cursor, budget) => {
          budgets.push(budget);
          sink.clogged = budgets.length === 3;
          return source(cursor, budget);
        },
      ],
      sink,
    );
    stream.resume();
    await quiet();
    expect(sink.names).toHaveLength(14);
    expect(budgets.map(({ records: count }) => count)).toEqual([4, 16, 64]);
  });

  test('is silent once cancelled, whatever arrives, fails or is read later', async () => {
    const sink = new ListSink();
    const answers: ((page: Page) => void)[] = [];
    const failures: ((error: unknown) => void)[] = [];
    const slow: PageSource = () =>
      new Promise((answer, fail) => {
        answers.push(answer);
        failures.push(fail);
      });
    const stream = streamOf([slow, slow], sink);
    stream.resume();
    stream.cancel();
    at(answers, 0)({ records: [served(fakeRecord())], next: undefined, below: undefined });
    at(failures, 1)(new Error('too late'));
    await quiet();
    stream.resume();
    expect(sink).toMatchObject({ names: [], ended: 0, error: undefined });
  });

  test('passes a record on once even where a role repeats it', async () => {
    const newer = served(fakeRecord({ timestamp: 2 }));
    const older = served(fakeRecord({ timestamp: 1 }));
    const pages: Page[] = [
      { records: [newer, newer, older], next: new Uint8Array(1), below: undefined },
      { records: [older], next: undefined, below: undefined },
    ];
    const sink = new ListSink();
    streamOf([async () => pages.shift() as Page], sink).resume();
    await quiet();
    expect(sink).toMatchObject({ names: ['2.0', '1.0'], ended: 1 });
  });

  test('asks for no more than the limit leaves', async () => {
    const asked: number[] = [];
    const records = Array.from({ length: 9 }, (_, timestamp) => fakeRecord({ timestamp }));
    const source = pagedSource(records, [{ count: 3, boundBytes: 0 }]);
    const sink = new ListSink();
    const spying: PageSource = (cursor, budget) => {
      asked.push(budget.records);
      return source(cursor, budget);
    };
    streamOf([spying], sink, 5).resume();
    await quiet();
    expect(asked).toEqual([5, 2]);
    expect(sink).toMatchObject({ names: ['8.0', '7.0', '6.0', '5.0', '4.0'], ended: 1 });
  });
});

test('only so many streams of a connection run at a time; all of them end', async () => {
  const turns = new StreamTurns(2);
  let running = 0;
  let most = 0;
  const sinks = Array.from({ length: 7 }, () => new ListSink());
  for (const sink of sinks) {
    const source: PageSource = async () => {
      running += 1;
      most = Math.max(most, running);
      await quiet();
      running -= 1;
      return { records: [], next: undefined, below: undefined };
    };
    const stream = streamOf([source], sink);
    sink.write = (_records, ended) => {
      if (!ended) return;
      sink.ended += 1;
      turns.leave(stream);
    };
    turns.enter(stream);
  }
  for (let turn = 0; turn < 30; turn++) await quiet();
  expect(sinks.map(({ ended }) => ended)).toEqual(sinks.map(() => 1));
  expect(most).toBe(2);
});
