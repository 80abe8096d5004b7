/**
 * The questions of the query scenarios, each with what a right answer looks like. The store's
 * records are known, so the newest matching ones are as well: an answer must be at least as new,
 * record by record, and every record in it must match.
 */
import {
  buildFilter,
  encodeMessage,
  encodeTag,
  type FilterElementInput,
  RECORD_AT,
  readTimestamp,
  readU16,
  sectionHasTag,
} from '@mosaic-cluster/protocol';
import { AUTHORS, RECORD_KIND, type RecordPlan, TOPICS } from '../records/record-plan.ts';
import type { StoreIds } from '../records/store-ids.ts';

/** The mixes by name. */
export const QUERY_MIXES = ['author', 'tag', 'ids-10', 'ids-1', 'window', 'authors-50'] as const;
/** A mix's name. */
export type QueryMixName = (typeof QUERY_MIXES)[number];

/** A question and its answer. */
export interface Question {
  /** A Query or Get with query id 0. */
  readonly message: Uint8Array;
  /**
   * Numbers of the store's records in the answer, newest first. Of a query others may stand in
   * their place that match and are newer.
   */
  readonly expected: readonly number[];
  /** Most records of the answer: more than expected may come where others were added since. */
  readonly limit: number;
  /** Whether the answer is these very records, in whatever order: a Get. */
  readonly isExact: boolean;
  /** Whether the record at `at` matches. */
  readonly matches: (bytes: Buffer, at: number) => boolean;
}

/** Different questions that a scenario asks in turn. */
const QUESTIONS = 1_500;

const RESULTS = { author: 20, tag: 20, window: 100, authors: 50 } as const;
const AUTHORS_ASKED = 50;

/** Makes the questions of a mix about a store. */
export function questionsOf(mix: QueryMixName, plan: RecordPlan, store: StoreIds): Question[] {
  const make = MAKERS[mix](plan, store);
  return Array.from({ length: QUESTIONS }, (_, i) => make(i));
}

type Maker = (plan: RecordPlan, store: StoreIds) => (question: number) => Question;

const MAKERS: Readonly<Record<QueryMixName, Maker>> = {
  author: (plan, store) => {
    const byAuthor = groupNewestFirst(store, (index) => plan.authorOf(index));
    return (question) => {
      const author = question % AUTHORS;
      const key = Buffer.from(plan.publicKeyOf(author));
      return query(RESULTS.author, [{ name: 'authors', keys: [key] }], {
        expected: byAuthor.get(author) ?? [],
        matches: (bytes, at) => bytes.compare(key, 0, 32, at + RECORD_AT.author, at + 96) === 0,
      });
    };
  },
  tag: (plan, store) => {
    const byTopic = groupNewestFirst(store, (index) => plan.topicOf(index));
    return (question) => {
      const topic = question % TOPICS;
      const tag = plan.topicTag(topic);
      const tagBytes = encodeTag(tag);
      return query(RESULTS.tag, [{ name: 'includedTags', tags: [tag] }], {
        expected: byTopic.get(topic) ?? [],
        matches: (bytes, at) => {
          const start = at + RECORD_AT.tags;
          const end = start + readU16(bytes, at + RECORD_AT.tagsLength);
          return sectionHasTag(bytes, start, end, tagBytes, 0, tagBytes.length);
        },
      });
    };
  },
  'ids-10': (_plan, store) => (question) => get(store, question, 10),
  'ids-1': (_plan, store) => (question) => get(store, question, 1),
  window: (plan, store) => (question) => {
    const width = Math.min(RESULTS.window, store.count);
    const first = store.first + spread(question, store.count - width + 1);
    const since = plan.timestampOf(first);
    const until = plan.timestampOf(first + width - 1);
    const elements: FilterElementInput[] = [
      { name: 'kinds', kinds: [RECORD_KIND] },
      { name: 'since', timestamp: since },
      { name: 'until', timestamp: until },
    ];
    return query(RESULTS.window, elements, {
      expected: Array.from({ length: width }, (_, i) => first + width - 1 - i),
      matches: (bytes, at) => {
        const timestamp = readTimestamp(bytes, at);
        return timestamp >= since && timestamp <= until;
      },
    });
  },
  'authors-50': (plan, store) => {
    const byAuthor = groupNewestFirst(store, (index) => plan.authorOf(index));
    return (question) => {
      const authors = Array.from({ length: AUTHORS_ASKED }, (_, i) => (question * 7 + i) % AUTHORS);
      const keys = authors.map((author) => plan.publicKeyOf(author));
      const numbers = new Set(keys.map((key) => Buffer.from(key).readUIntBE(0, 6)));
      return query(RESULTS.authors, [{ name: 'authors', keys }], {
        expected: authors.flatMap((author) => byAuthor.get(author) ?? []).sort((a, b) => b - a),
        matches: (bytes, at) => numbers.has(bytes.readUIntBE(at + RECORD_AT.author, 6)),
      });
    };
  },
};

function query(
  limit: number,
  elements: readonly FilterElementInput[],
  answer: Pick<Question, 'expected' | 'matches'>,
): Question {
  const filter = buildFilter(elements);
  return {
    message: encodeMessage({ name: 'query', queryId: 0, limit, filter }),
    expected: answer.expected.slice(0, limit),
    limit,
    isExact: false,
    matches: answer.matches,
  };
}

function get(store: StoreIds, question: number, count: number): Question {
  const expected = Array.from({ length: Math.min(count, store.count) }, (_, i) => {
    return store.first + ((spread(question, store.count) + i * 4_111) % store.count);
  });
  const distinct = [...new Set(expected)];
  const references = distinct.map((index) => store.id(index));
  return {
    message: encodeMessage({ name: 'get', queryId: 0, references }),
    expected: distinct,
    limit: distinct.length,
    isExact: true,
    matches: () => true,
  };
}

function groupNewestFirst(
  store: StoreIds,
  groupOf: (index: number) => number,
): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (let index = store.first + store.count - 1; index >= store.first; index--) {
    const group = groupOf(index);
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [index]);
    else members.push(index);
  }
  return groups;
}

/** Spreads questions evenly, in no order, over 0 to `size - 1`. */
function spread(question: number, size: number): number {
  return Math.floor(((question * 0.618_033_988_749_895) % 1) * size);
}
