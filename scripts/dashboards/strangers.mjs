// Clients that are held back: each meets another limit, penalty or ban, from an address of its own on loopback, so
// that nobody honest is meant.
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { makeTlsIdentity } from '../../libs/certificate/dist/index.js';
import {
  buildFilter,
  buildRecord,
  encodeMessage,
  encodeSubmission,
  generateSecretKey,
  KNOWN_KINDS,
  timestampFromMillis,
} from '../../libs/protocol/dist/index.js';

/** Where those come from that are to be served. */
export const HONEST_ADDRESS = '127.0.0.1';
/** Where one comes from whom an operator has banned. */
export const BANNED_ADDRESS = '127.0.0.69';

const AGAIN_MS = 500;
const KNOCK_MS = 4000;
const STORM_MS = 20_000;
/** A Query whose filter is none: type, length, query id, limit, filter. */
const UNREADABLE = Uint8Array.of(2, 16, 0, 0, 1, 0, 0, 0, ...new Uint8Array(8).fill(255));
/** A message that only servers send: Locally Complete. */
const OF_A_SERVER = Uint8Array.of(0x81, 8, 0, 0, 1, 0, 0, 0);

const secretKey = generateSecretKey();
/** No key, so that nothing is by it. */
const NOBODY = new Uint8Array(32).fill(7);
let records = 0;

function ask(name, n, filter) {
  return encodeMessage({ name, queryId: n % 1000, limit: 0, filter });
}

function record(payloadBytes) {
  records += 1;
  const payload = new Uint8Array(payloadBytes);
  const timestamp = timestampFromMillis(Date.now()) + BigInt(records);
  return buildRecord({ kind: KNOWN_KINDS['microblog-root'], timestamp, secretKey, payload }).bytes;
}

/** Who they are: where from, how long between two deeds, what they do, and how many at a time. */
function cast() {
  const nothing = buildFilter([{ name: 'authors', keys: [NOBODY] }]);
  const everything = buildFilter([{ name: 'kinds', kinds: [KNOWN_KINDS['microblog-root']] }]);
  return [
    { from: '127.0.0.61', everyMs: 250, say: () => encodeSubmission(record(40)) },
    { from: '127.0.0.62', everyMs: 400, say: () => encodeSubmission(record(200_000)) },
    { from: '127.0.0.63', everyMs: 400, say: (n) => ask('subscribe', n, nothing) },
    { from: '127.0.0.64', everyMs: 60, say: (n) => ask('unsubscribe', n, nothing) },
    {
      from: '127.0.0.65',
      everyMs: 700,
      say: (n) => ask('query', n, everything),
    },
    { from: '127.0.0.66', everyMs: 3000, count: 6 },
    { from: '127.0.0.73', everyMs: 50, count: 4 },
    { from: '127.0.0.67', everyMs: 40, say: () => UNREADABLE },
    { from: '127.0.0.68', everyMs: 40, say: () => UNREADABLE, identity: generateSecretKey() },
    { from: '127.0.0.72', everyMs: 1500, say: () => OF_A_SERVER },
    { from: BANNED_ADDRESS, everyMs: 1000 },
  ];
}

/** Has so many addresses earn a ban each; resolves when they have gone. */
export async function earnBans(cluster, count) {
  const { urls } = cluster;
  const until = performance.now() + STORM_MS;
  const isOver = () => performance.now() > until;
  const abusers = Array.from({ length: count }, (_, n) => ({
    from: `127.0.1.${n + 1}`,
    everyMs: 100,
    say: () => UNREADABLE,
  }));
  await Promise.all(abusers.map((each, n) => visit(urls[n % urls.length], each, isOver)));
}

/** Lets them come until it is over; resolves when all have gone. */
export async function strangersAt(cluster, author, isOver) {
  const { urls } = cluster;
  const callers = cast().flatMap((each, i) =>
    Array.from({ length: each.count ?? 1 }, () => visit(urls[i % urls.length], each, isOver)),
  );
  await Promise.all([
    ...callers,
    knockWrongly(urls[0], isOver),
    readNothing(urls[1], author, isOver),
  ]);
}

async function visit({ mtlsUrl }, { from, everyMs, say, identity, count }, isOver) {
  for (let n = 0; !isOver(); ) {
    const socket = open(mtlsUrl, from, identity);
    while (!isOver() && socket.readyState <= WebSocket.OPEN) {
      if (socket.readyState === WebSocket.OPEN && say !== undefined) socket.send(say(n++));
      await delay(everyMs);
      // Those who come in numbers come and go.
      if (count !== undefined && socket.readyState === WebSocket.OPEN) socket.close();
    }
    socket.terminate();
    await delay(AGAIN_MS);
  }
}

/** Subscribes many times over and reads nothing of it. */
async function readNothing({ mtlsUrl }, author, isOver) {
  const filter = buildFilter([{ name: 'authors', keys: [author] }]);
  while (!isOver()) {
    const socket = open(mtlsUrl, HONEST_ADDRESS);
    socket.once('open', () => {
      for (let queryId = 1; queryId <= 40; queryId++) {
        socket.send(encodeMessage({ name: 'subscribe', queryId, limit: 1, filter }));
      }
      setTimeout(() => socket.pause(), AGAIN_MS);
    });
    await delay(20_000, undefined, { ref: false });
    socket.terminate();
  }
}

function open(url, localAddress, identity) {
  const tls = identity && makeTlsIdentity(identity);
  const socket = new WebSocket(url, 'mosaic2024', {
    localAddress,
    rejectUnauthorized: false,
    perMessageDeflate: false,
    ...(tls && { cert: tls.certificate, key: tls.key }),
  });
  // Being turned away is what they are for.
  socket.on('error', () => {});
  socket.on('message', () => {});
  return socket;
}

// Seldom: a ban is not what this one is for.
async function knockWrongly({ mtlsUrl }, isOver) {
  const { hostname, port } = new URL(mtlsUrl);
  while (!isOver()) {
    const socket = createConnection({
      host: hostname,
      port: Number(port),
      localAddress: '127.0.0.71',
    });
    socket.on('error', () => {});
    socket.end('This is no handshake.\r\n\r\n');
    await delay(KNOCK_MS);
    socket.destroy();
  }
}
