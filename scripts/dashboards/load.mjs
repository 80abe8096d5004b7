// Some of everything that clients do, until it is closed: publishing in public and in private, writing to others,
// asking, listening, and what rules and the policy hook are for. Beside them are the strangers.
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../../libs/client/dist/index.js';
import {
  buildRecord,
  coreTag,
  encodeKind,
  encodeUserKey,
  generateSecretKey,
  hexDecode,
  KNOWN_KINDS,
  publicKeyOf,
  timestampFromMillis,
} from '../../libs/protocol/dist/index.js';
import { admin } from './stage.mjs';
import { BANNED_ADDRESS, strangersAt } from './strangers.mjs';

const PAUSE_MS = 20;
const IN_FLIGHT = 16;
/** Between two things that rules or the hook decide on. */
const ODD_MS = 300;
const PRIVATE = exampleKind('author-only');
/** The rules of the outbox refuse it. */
const UNWANTED = exampleKind('everybody');

let made = 0;

function exampleKind(audience) {
  const handling = { duplicateHandling: 'unique', printable: false };
  return encodeKind({ applicationId: 99, applicationKind: 1, audience, ...handling });
}

/** Puts the cluster of the stage under load, a modest one: the machine is to show figures, not to be tried. */
export async function underLoad(cluster) {
  const secretKey = generateSecretKey();
  const author = publicKeyOf(secretKey);
  await admin(cluster, 'users', 'add', encodeUserKey(author));
  await admin(cluster, 'bans', 'add', BANNED_ADDRESS, '--reason', 'flood');
  const [first, second] = cluster.urls;
  const clients = await Promise.all([
    connectTo(first.mtlsUrl, first),
    connectTo(second.uwsUrl, second),
    connectTo(second.mtlsUrl, second, { clientSecretKey: secretKey }),
    // What is refused for now stays so: it is what is to be seen.
    connectTo(first.mtlsUrl, first, { retry: { attemptsMax: 1 } }),
  ]);
  const [publisher, reader, owner, tester] = clients;
  let isOver = false;
  const over = () => isOver;
  const live = owner.subscribe([{ name: 'authors', keys: [author] }]);
  const work = [
    publish(publisher, secretKey, over),
    ask(reader, author, over),
    keepDiary(owner, secretKey, over),
    writeOddly(tester, secretKey, over),
    writeTo(tester, author, over),
    drain(live),
    strangersAt(cluster, author, over),
  ];
  for (const each of work) each.catch((error) => !isOver && console.error(error));
  return {
    /** So many records of strangers to the author, which wait for a moderator. */
    writeMany: (count) => writeMany(tester, author, count),
    close: async () => {
      isOver = true;
      await live.return();
      await Promise.allSettled(work);
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

function connectTo(url, { serverKeyHex }, more = {}) {
  return connect({
    url,
    serverKey: hexDecode(serverKeyHex),
    verify: false,
    reconnect: { shutdownSpreadMs: 200, maxMs: 500 },
    ...more,
  });
}

function record(secretKey, text, more = {}) {
  made += 1;
  return buildRecord({
    kind: KNOWN_KINDS['microblog-root'],
    timestamp: timestampFromMillis(Date.now()) + BigInt(made),
    secretKey,
    payload: new TextEncoder().encode(text),
    ...more,
  });
}

async function publish(client, secretKey, isOver) {
  async function* records() {
    for (let n = 0; !isOver(); n++) {
      yield record(secretKey, `record ${n}`);
      if (n % IN_FLIGHT === 0) await delay(PAUSE_MS);
    }
  }
  for await (const outcome of client.publishMany(records(), { inFlightMax: IN_FLIGHT })) {
    void outcome;
  }
}

async function ask(client, author, isOver) {
  while (!isOver()) {
    const ids = [];
    await attempt(async () => {
      const found = client.query([{ name: 'authors', keys: [author] }], { limit: 20 });
      for await (const each of found) ids.push(each.id);
      if (ids.length > 0) await drain(client.get(ids.slice(0, 5)));
    });
    await delay(PAUSE_MS);
  }
}

/** Private records, written and read again. */
async function keepDiary(client, secretKey, isOver) {
  while (!isOver()) {
    await attempt(async () => {
      await client.publish(record(secretKey, 'Dear diary', { kind: PRIVATE }));
      const own = [
        { name: 'kinds', kinds: [PRIVATE] },
        { name: 'authors', keys: [publicKeyOf(secretKey)] },
      ];
      await drain(client.query(own, { limit: 5 }));
    });
    await delay(PAUSE_MS * 5);
  }
}

/** What a rule or the hook refuses, holds or is late with; and once more what is held already. */
async function writeOddly(client, secretKey, isOver) {
  const tags = Array.from({ length: 30 }, () => ({ type: 999, value: new Uint8Array(4) }));
  const oddities = [
    () => record(secretKey, 'spam, spam'),
    () => record(secretKey, 'odd enough to look at'),
    () => record(secretKey, 'slow to decide on'),
    () => record(secretKey, 'long '.repeat(4000)),
    () => record(secretKey, 'many tags', { tags }),
    () => record(secretKey, 'of a kind that is not wanted', { kind: UNWANTED }),
    () => record(secretKey, 'dated ahead', { timestamp: timestampFromMillis(Date.now() + 3.6e6) }),
  ];
  for (let n = 0; !isOver(); n++) {
    const odd = oddities[n % oddities.length]();
    await attempt(() => client.publish(odd));
    await delay(ODD_MS);
  }
}

/** Strangers who write to somebody, more often than each of them may; a moderator has not looked yet. */
async function writeTo(client, recipient, isOver) {
  const notify = coreTag({ name: 'notify', key: recipient });
  const eager = generateSecretKey();
  for (let n = 0; !isOver(); n++) {
    const secretKey = n % 2 === 0 ? eager : generateSecretKey();
    await attempt(() => client.publish(record(secretKey, `Hello ${n}`, { tags: [notify] })));
    await delay(ODD_MS);
  }
}

async function writeMany(client, recipient, count) {
  const tags = [coreTag({ name: 'notify', key: recipient })];
  function* letters() {
    // Each of somebody else: no author may write so much.
    for (let n = 0; n < count; n++) yield record(generateSecretKey(), `Letter ${n}`, { tags });
  }
  await drain(client.publishMany(letters(), { inFlightMax: IN_FLIGHT }));
}

async function attempt(work) {
  try {
    await work();
  } catch {
    // That something is refused or fails for a while is what the figures are to show.
  }
}

async function drain(events) {
  for await (const event of events) void event;
}
