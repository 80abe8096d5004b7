/**
 * What the gateway's engine costs by itself: sockets that swallow everything and roles that
 * answer at once, so that nothing but the engine is measured. Run after a build:
 *
 *     node services/gateway/bench/engine.bench.mjs
 */
import { MemoryBus } from '@mosaic-cluster/bus';
import { buildFilter, encodeMessage, encodeSubmission, RecordView } from '@mosaic-cluster/protocol';
import { silentLogger } from '@mosaic-cluster/runtime';
import { createGateway } from '../dist/index.js';

const AUTHORS = 500;
const RECORD_BYTES = 600;

/** Records of about 600 B with one Notify tag; their cryptography is not looked at. */
function record(serial, author) {
  const payloadBytes = RECORD_BYTES - 152 - 40 - 64;
  const bytes = new Uint8Array(RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(serial));
  view.setUint32(8, serial);
  bytes[48] = 0x80;
  bytes.set([0, 0, 0, 1, 0, 1, 0, 0x1c], 56);
  bytes.set(key(author), 64);
  bytes.set(key(author), 96);
  view.setBigUint64(128, BigInt(serial));
  view.setUint16(144, 40, true);
  view.setUint16(146, 64, true);
  view.setUint32(148, payloadBytes, true);
  view.setUint16(152, 40, true);
  view.setUint16(154, 1, true);
  return new RecordView(bytes);
}

function key(number) {
  const bytes = new Uint8Array(32).fill(7);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

class SinkSocket {
  remoteAddress = '127.0.0.1';
  clientKey = undefined;
  bufferedBytes = 0;
  sent = 0;
  last = 0;
  send(message) {
    this.sent += 1;
    this.last = message[0];
    return true;
  }
  cork(write) {
    write();
  }
  close() {}
}

class InstantRole {
  page = { records: [], next: undefined, below: undefined };
  async submit(submissions) {
    return submissions.map(() => 2);
  }
  async query() {
    return this.page;
  }
  async get() {
    return this.page;
  }
  async identities(key) {
    return [key];
  }
}

function setUp(roles = ['outbox']) {
  const bus = new MemoryBus();
  const role = new InstantRole();
  for (const name of roles) bus.serve(name, name === 'outbox' ? role : new InstantRole());
  const gateway = createGateway({ bus, roles, logger: silentLogger });
  const connect = () => {
    const socket = new SinkSocket();
    socket.handler = gateway.accept(socket);
    return socket;
  };
  return { bus, role, gateway, connect };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function measure(name, unit, count, run) {
  for (let warmUp = 0; warmUp < 3; warmUp++) await run();
  const costs = [];
  for (let round = 0; round < 5; round++) {
    globalThis.gc?.();
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / count);
  }
  costs.sort((a, b) => a - b);
  const [least] = costs;
  const median = costs[2];
  console.log(
    `${name.padEnd(58)} ${median.toFixed(2).padStart(7)} µs/${unit} (least ${least.toFixed(2)})`,
  );
}

function live(view) {
  return { role: 'outbox', record: view, receivedAt: 1n, readers: undefined };
}

let serial = 1;
function batches(count, size, author) {
  return Array.from({ length: count }, () =>
    Array.from({ length: size }, () => live(record((serial += 1), author(serial)))),
  );
}

async function fanOut(subscribers, size) {
  const { bus, connect } = setUp();
  const filter = buildFilter([
    { name: 'kinds', kinds: [Uint8Array.of(0, 0, 0, 1, 0, 1, 0, 0x1c)] },
  ]);
  for (let i = 0; i < subscribers; i++) {
    connect().handler.message(encodeMessage({ name: 'subscribe', queryId: 7, limit: 0, filter }));
  }
  await turn();
  const records = 1024;
  const title = `fan-out to ${subscribers}, batches of ${size}`;
  // New records for every round: one that was delivered already is not delivered again.
  const rounds = Array.from({ length: 8 }, () => batches(records / size, size, (n) => n % AUTHORS));
  await measure(title, 'delivery', records * subscribers, async () => {
    for (const batch of rounds.pop()) bus.publish(batch);
  });
}

async function selective(subscribers) {
  const { bus, connect } = setUp();
  for (let i = 0; i < subscribers; i++) {
    const filter = buildFilter([{ name: 'authors', keys: [key(1_000_000 + i)] }]);
    connect().handler.message(encodeMessage({ name: 'subscribe', queryId: 7, limit: 0, filter }));
  }
  await turn();
  for (const size of [1, 16]) {
    const list = batches(16_384 / size, size, (n) => n % AUTHORS);
    const title = `${subscribers} subscribers to other authors, batches of ${size}`;
    await measure(title, 'record', 16_384, async () => {
      for (const batch of list) bus.publish(batch);
    });
  }
}

async function submissions(perTurn) {
  const { connect, gateway } = setUp();
  const sockets = Array.from({ length: 16 }, () => connect());
  const message = encodeSubmission(record(1, 1).bytes);
  const count = 32_768;
  await measure(`submissions, ${perTurn} a turn, instant role`, 'record', count, async () => {
    for (let sent = 0; sent < count; sent += perTurn) {
      for (let i = 0; i < perTurn; i++) sockets[i % 16].handler.message(message);
      while (gateway.counters.submissionsInFlight > 0) await turn();
    }
  });
}

async function queries(results, roles) {
  const { connect, role } = setUp(roles);
  const socket = connect();
  role.page = {
    records: Array.from({ length: results }, (_, i) => live(record(1000 - i, 1))),
    next: undefined,
    below: undefined,
  };
  const filter = buildFilter([{ name: 'authors', keys: [key(1)] }]);
  const message = encodeMessage({ name: 'query', queryId: 7, limit: results, filter });
  const count = 8192;
  await measure(`query, ${results} results, ${roles.length} role(s)`, 'query', count, async () => {
    for (let i = 0; i < count; i += 16) {
      for (let j = 0; j < 16; j++) {
        message[4] = j;
        socket.handler.message(message);
      }
      await turn();
    }
  });
}

async function subscribing() {
  const { connect, gateway } = setUp();
  const count = 4096;
  await measure('subscribe and unsubscribe, nothing stored', 'pair', count, async () => {
    const socket = connect();
    for (let i = 0; i < count; i++) {
      const filter = buildFilter([{ name: 'authors', keys: [key(i)] }]);
      const id = i % 200;
      socket.handler.message(encodeMessage({ name: 'subscribe', queryId: id, limit: 0, filter }));
      if (i % 200 === 199) await turn();
    }
    socket.handler.closed();
  });
  if (gateway.counters.subscriptionsOpen !== 0) throw new Error('subscriptions are left over');
}

await fanOut(200, 1);
await fanOut(200, 16);
await fanOut(1, 1);
await selective(1000);
await selective(10_000);
await submissions(1);
await submissions(512);
await queries(0, ['outbox']);
await queries(20, ['outbox']);
await queries(20, ['outbox', 'inbox']);
await queries(100, ['outbox', 'inbox']);
await subscribing();
