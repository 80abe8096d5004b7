// Some of everything that clients do, until it is closed: publishing, asking, listening, and breaking a rule.
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../../libs/client/dist/index.js';
import {
  buildRecord,
  generateSecretKey,
  hexDecode,
  KNOWN_KINDS,
  publicKeyOf,
  timestampFromMillis,
} from '../../libs/protocol/dist/index.js';

const PAUSE_MS = 20;
const IN_FLIGHT = 16;
const KNOCK_MS = 4000;

/** Puts a local cluster under load, a modest one: the machine is to show figures, not to be tried. */
export async function underLoad(cluster) {
  const secretKey = generateSecretKey();
  const author = publicKeyOf(secretKey);
  const [first, second] = cluster.urls;
  const clients = await Promise.all([
    connectTo(first),
    connectTo(second),
    connectTo(second, generateSecretKey()),
  ]);
  const [publisher, reader, listener] = clients;
  let isOver = false;
  const live = listener.subscribe([{ name: 'authors', keys: [author] }]);
  const work = [
    publish(publisher, secretKey, () => isOver),
    ask(reader, author, () => isOver),
    drain(live),
    knockWrongly(new URL(first.mtlsUrl), () => isOver),
  ];
  return {
    close: async () => {
      isOver = true;
      await live.return();
      await Promise.allSettled(work);
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

function connectTo({ mtlsUrl, serverKeyHex }, clientSecretKey) {
  return connect({
    url: mtlsUrl,
    serverKey: hexDecode(serverKeyHex),
    verify: false,
    ...(clientSecretKey && { clientSecretKey }),
  });
}

async function publish(client, secretKey, isOver) {
  async function* records() {
    for (let n = 0; !isOver(); n++) {
      yield buildRecord({
        kind: KNOWN_KINDS['microblog-root'],
        timestamp: timestampFromMillis(Date.now()) + BigInt(n),
        secretKey,
        payload: new TextEncoder().encode(`record ${n}`),
      });
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
    const found = client.query([{ name: 'authors', keys: [author] }], { limit: 20 });
    for await (const record of found) ids.push(record.id);
    if (ids.length > 0) await drain(client.get(ids.slice(0, 5)));
    await delay(PAUSE_MS);
  }
}

// Seldom: a ban would hit the others too, whose address is the same.
async function knockWrongly({ hostname, port }, isOver) {
  while (!isOver()) {
    const socket = createConnection({ host: hostname, port: Number(port) });
    socket.on('error', () => {});
    socket.end('This is no handshake.\r\n\r\n');
    await delay(KNOCK_MS);
    socket.destroy();
  }
}

async function drain(events) {
  for await (const event of events) void event;
}
