/** Parsing records, matching filters, reading and writing messages. */
import {
  buildFilter,
  buildRecord,
  compileFilter,
  encodeMessage,
  encodeRecordMessage,
  encodeSubmissionResult,
  KNOWN_KINDS,
  parseFilter,
  parseMessage,
  parseRecord,
  recordFieldsFault,
  TAG_TYPE,
} from '@mosaic-cluster/protocol';

const CHUNK = 1000;
const START = 1_750_000_000_000_000_000n;

/** `CHUNK` records of 600 bytes with two tags, by `authors` authors, of one kind in turn. */
function records(authors) {
  const value = new Uint8Array(36).fill(7);
  const kinds = [KNOWN_KINDS['microblog-root'], KNOWN_KINDS['reply-comment']];
  const made = Array.from({ length: authors }, (_, i) =>
    buildRecord({
      kind: kinds[i % kinds.length],
      timestamp: START + BigInt(i),
      secretKey: new Uint8Array(32).fill(1 + i),
      tags: [
        { type: TAG_TYPE.notify, value },
        { type: TAG_TYPE.userMention, value },
      ],
      payload: new Uint8Array(304).fill(i),
    }),
  );
  return Array.from({ length: CHUNK }, (_, i) => made[i % authors].copy());
}

/** A case that handles every item once in a call. */
function every(name, items, one, aim) {
  return {
    name,
    ops: items.length,
    aim,
    run: () => {
      let sum = 0;
      for (const item of items) sum += one(item);
      return sum;
    },
  };
}

function prepareParse() {
  const views = records(10);
  const bytes = views.map((view) => view.bytes);
  return {
    cases: [
      every('yardstick: copy the bytes', bytes, (each) => each.slice()[0]),
      every('parse', bytes, (each) => parseRecord(each).bytes.length, { perSecond: 2e6 }),
      every('parse, check fields and tags', bytes, (each) =>
        recordFieldsFault(parseRecord(each)) === undefined ? 1 : 0,
      ),
      every('parse, read ID, kind, author and tags', bytes, (each) => {
        const record = parseRecord(each);
        let sum = record.id[0] + record.kind[7] + record.author[0];
        for (const tag of record.tags()) sum += tag.type;
        return sum;
      }),
    ],
  };
}

function prepareFilter() {
  const views = records(10);
  const strangers = records(50).filter((_, i) => i % 50 >= 10);
  const authors = views.slice(0, 5).map((view) => view.author);
  const kinds = [KNOWN_KINDS['microblog-root'], KNOWN_KINDS['reply-comment']];
  const wanted = [
    { name: 'authors', keys: authors },
    { name: 'kinds', kinds },
  ];
  const matcher = compileFilter(buildFilter([...wanted, { name: 'since', timestamp: START }]));
  const later = compileFilter(
    buildFilter([...wanted, { name: 'since', timestamp: START + 1_000_000n }]),
  );
  const tagged = compileFilter(
    buildFilter([
      ...wanted,
      {
        name: 'includedTags',
        tags: [{ type: TAG_TYPE.userMention, value: new Uint8Array(36).fill(7) }],
      },
    ]),
  );
  const by = (filter) => (view) => (filter.matches(view, START) ? 1 : 0);
  const matching = views.filter((view) => matcher.matches(view, START));
  return {
    cases: [
      every('half of the records match', views, by(matcher), { perSecond: 5e6 }),
      every('all match', matching, by(matcher), { perSecond: 5e6 }),
      every('none by author', strangers, by(matcher), { perSecond: 5e6 }),
      every('none by time', views, by(later), { perSecond: 5e6 }),
      every('all match, one tag asked for', matching, by(tagged)),
    ],
  };
}

function prepareMessages() {
  const views = records(10);
  const bytes = views.map((view) => view.bytes);
  const filter = buildFilter([
    { name: 'authors', keys: views.slice(0, 5).map((view) => view.author) },
    { name: 'since', timestamp: START },
  ]);
  const references = views.slice(0, 10).map((view) => view.id);
  const queries = Array.from({ length: CHUNK }, (_, queryId) => ({
    name: 'query',
    queryId,
    limit: 20,
    filter,
  }));
  const recordMessages = bytes.map((each) => encodeRecordMessage(1, each));
  const queryMessages = queries.map((message) => encodeMessage(message));
  const getMessage = encodeMessage({ name: 'get', queryId: 1, references });
  const getMessages = views.map(() => getMessage);
  return {
    cases: [
      every('yardstick: copy a record', bytes, (each) => each.slice()[0]),
      every('encode Record', bytes, (each) => encodeRecordMessage(7, each).length),
      every('parse Record', recordMessages, (each) => parseMessage(each).record.bytes.length),
      every('encode Submission Result', views, (view) => encodeSubmissionResult(2, view.bytes)[0]),
      every('encode Query', queries, (message) => encodeMessage(message).length),
      every('parse Query with its filter', queryMessages, (each) => parseMessage(each).limit),
      every('parse Get of 10', getMessages, (each) => parseMessage(each).references.length),
      every(
        'parse and compile a filter',
        queries,
        ({ filter: { bytes } }) => compileFilter(parseFilter(bytes)).filter.bytes.length,
      ),
    ],
  };
}

/** The tables of this file. */
export function tables() {
  return [
    { title: 'Parse records of 600 bytes', unit: 'records', prepare: prepareParse },
    {
      title: 'Match a filter: 5 authors, 2 kinds, since',
      unit: 'records',
      prepare: prepareFilter,
    },
    { title: 'Messages', unit: 'messages', prepare: prepareMessages },
  ];
}
