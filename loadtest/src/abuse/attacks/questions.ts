/** Attacks with questions: dear ones, many, and ones whose answers nobody reads. */
import { randomBytes } from 'node:crypto';
import {
  buildFilter,
  encodeMessage,
  type FilterElementInput,
  generateSecretKey,
  KNOWN_KINDS,
  timestampFromUnix,
} from '@mosaic-cluster/protocol';
import { type Attack, type Attacker, USUAL_BUDGETS } from '../attack.ts';
import { keepTalking, sayOn } from '../attacker/talk.ts';
import { pace } from '../attacker/pace.ts';

const STORE_RECORDS = 5_000;
/** As many as a filter element names; each is looked for under each kind. */
const AUTHORS = 63;
const KINDS = Object.values(KNOWN_KINDS).slice(0, 4);
const REFERENCES = 500;
/** As many subscriptions as an address may have open, by the budgets as they come. */
const AMPLIFIED_CONNECTIONS = 40;
const AMPLIFIED_EACH = 250;
const LONG_AGO = 1_577_836_800n;
const BY_KIND: FilterElementInput = { name: 'kinds', kinds: [KNOWN_KINDS['microblog-root']] };
const SINCE: FilterElementInput = { name: 'since', timestamp: timestampFromUnix(LONG_AGO) };

/** Keys that nobody has; half of what is random is one. */
function keys(attacker: Attacker, count: number): Uint8Array[] {
  return Array.from({ length: count }, () => attacker.tools.publicKeyOf(generateSecretKey()));
}

function query(
  elements: readonly FilterElementInput[],
  limit: number,
  queryId: number,
): Uint8Array {
  return encodeMessage({ name: 'query', queryId, limit, filter: buildFilter(elements) });
}

const scans: Attack = {
  name: 'scanning-queries',
  title: 'asks for what only looking at every record can find',
  place: 'any',
  aim: 'refused',
  storeRecords: STORE_RECORDS,
  async run(attacker) {
    const long = { name: 'receivedUntil', timestamp: timestampFromUnix(LONG_AGO) } as const;
    const dear = query([BY_KIND, long], 0, 1);
    await sayOn(attacker, 10, 200, (talk) => talk.send(dear));
  },
};

const manyAuthors: Attack = {
  name: 'many-authors',
  title: `asks for the records of ${AUTHORS} authors at a time, of several kinds`,
  place: 'any',
  aim: 'refused',
  storeRecords: STORE_RECORDS,
  async run(attacker) {
    const authors: FilterElementInput = { name: 'authors', keys: keys(attacker, AUTHORS) };
    const dear = query([authors, { name: 'kinds', kinds: KINDS }], 0, 1);
    await sayOn(attacker, 10, 400, (talk) => talk.send(dear));
  },
};

const gets: Attack = {
  name: 'get-flood',
  title: `asks for ${REFERENCES} records at a time that do not exist`,
  place: 'any',
  aim: 'refused',
  storeRecords: STORE_RECORDS,
  async run(attacker) {
    const references = Array.from({ length: REFERENCES }, () => randomBytes(48));
    for (const reference of references) reference[0]! &= 0x7f;
    const message = encodeMessage({ name: 'get', queryId: 1, references });
    await sayOn(attacker, 10, 200, (talk) => talk.send(message));
  },
};

const unread: Attack = {
  name: 'never-reading',
  title: 'subscribes to everything and asks for everything, and reads nothing',
  place: 'any',
  aim: 'endured',
  storeRecords: STORE_RECORDS,
  async run(attacker) {
    const filter = buildFilter([BY_KIND, SINCE]);
    const subscribe = encodeMessage({ name: 'subscribe', queryId: 1, limit: 0, filter });
    const { talks, done } = keepTalking(attacker, 50, (talk) => {
      talk.connection.pause();
      talk.send(subscribe);
    });
    let turn = 0;
    await pace(50, attacker.signal, () => {
      turn += 1;
      talks[turn % talks.length]?.send(query([BY_KIND, SINCE], 0, 2 + (turn % 1_000)));
    });
    await done;
  },
};

const churn: Attack = {
  name: 'subscription-churn',
  title: 'subscribes and unsubscribes without end',
  place: 'any',
  aim: 'refused',
  async run(attacker) {
    const authors: FilterElementInput = { name: 'authors', keys: keys(attacker, 50) };
    const filter = buildFilter([authors, BY_KIND]);
    let turn = 0;
    await sayOn(attacker, 10, 2_000, (talk) => {
      turn += 1;
      const queryId = turn % 100;
      talk.send(encodeMessage({ name: 'subscribe', queryId, limit: 1, filter }));
      talk.send(encodeMessage({ name: 'unsubscribe', queryId }));
    });
  },
};

const amplified: Attack = {
  name: 'amplified-delivery',
  title: `follows everything ${AMPLIFIED_CONNECTIONS * AMPLIFIED_EACH} times, so that each record is sent as often`,
  place: 'any',
  aim: 'refused',
  // So many subscriptions at once are work by themselves.
  waitMaxMs: 200,
  settings: USUAL_BUDGETS,
  async run(attacker) {
    const filter = buildFilter([BY_KIND]);
    const { done } = keepTalking(attacker, AMPLIFIED_CONNECTIONS, (talk) => {
      for (let queryId = 1; queryId <= AMPLIFIED_EACH; queryId++) {
        talk.send(encodeMessage({ name: 'subscribe', queryId, limit: 1, filter }));
      }
    });
    await done;
  },
};

/** All of them. */
export const QUESTION_ATTACKS: readonly Attack[] = [
  scans,
  manyAuthors,
  gets,
  unread,
  churn,
  amplified,
];
