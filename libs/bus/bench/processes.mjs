// What the bus over NATS costs in each process, in µs of processor time: per batch of submissions,
// per page, per live record; beside the same bytes sent by the bare NATS client in the same run.
//
//   npx tsc -b libs/bus libs/test-servers && node libs/bus/bench/processes.mjs [SECONDS]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { connectNatsBus } from '@mosaic-cluster/bus/nats';
import { buildFilter, RecordView } from '@mosaic-cluster/protocol';
import { startNats } from '@mosaic-cluster/test-servers';
import { connect } from '@nats-io/transport-node';

const BATCH = 64;
const TICKS_PER_SECOND = 100;
const PAYLOAD = 200;

/** A record as the bus sees it: an author, two Notify tags and a reply, 600 bytes in all. */
function record(author, serial) {
  const tags = [40, 40, 64];
  const tagBytes = tags.reduce((sum, length) => sum + length, 0);
  const bytes = new Uint8Array(152 + tagBytes + PAYLOAD + 64);
  const view = new DataView(bytes.buffer);
  view.setUint32(12, serial);
  bytes[48] = 0x80;
  bytes.set([0, 0, 0, 1, 0, 1, 0, 0x1c], 56);
  bytes.fill(author, 64, 128);
  view.setUint16(144, tagBytes, true);
  view.setUint16(146, 64, true);
  view.setUint32(148, PAYLOAD, true);
  let at = 152;
  for (const [i, length] of tags.entries()) {
    view.setUint16(at, length, true);
    view.setUint16(at + 2, i + 1, true);
    view.setUint32(at + 20, serial + i);
    at += length;
  }
  return new RecordView(bytes);
}

const RECORDS = Array.from({ length: BATCH }, (_, i) => record(1, i));

async function work(url) {
  const bus = await connectNatsBus({ servers: [url] });
  const page = {
    records: RECORDS.map((each) => ({ record: each, receivedAt: 1n })),
    next: undefined,
    below: undefined,
  };
  bus.serve('outbox', {
    submit: async (submissions) => submissions.map(() => 2),
    query: async () => page,
    get: async () => page,
    identities: async (key) => [key],
  });
  const bare = await connect({ servers: url });
  bare.subscribe('bare', { callback: (_, message) => message.respond(new Uint8Array(72)) });
  let serial = 0;
  process.on('message', async ({ publish, bareSubject }) => {
    if (publish !== undefined) {
      const live = Array.from({ length: BATCH }, () => ({
        role: 'outbox',
        record: record(publish, (serial += 1)),
        receivedAt: 1n,
        readers: undefined,
      }));
      bus.publish(live);
      await bus.ping(60_000);
    }
    if (bareSubject !== undefined) {
      for (const each of RECORDS) bare.publish(bareSubject, each.bytes);
      await bare.flush();
    }
    process.send({ cpu: process.cpuUsage() });
  });
  process.send({ ready: true });
}

function serverCpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1e6;
}

async function measure() {
  const ms = Number(process.argv[2] ?? 3) * 1000;
  const server = await startNats({ config: 'max_payload: 2MB' });
  const child = fork(fileURLToPath(import.meta.url), ['--worker', server.url]);
  await once(child, 'message');
  const tell = async (message) => {
    child.send(message);
    return (await once(child, 'message'))[0];
  };
  const micros = ({ user, system }) => user + system;
  const bus = await connectNatsBus({ servers: [server.url] });
  const bare = await connect({ servers: server.url });

  async function row(name, per, once_) {
    const until = performance.now() + 300;
    while (performance.now() < until) await once_();
    const before = [process.cpuUsage(), (await tell({})).cpu, serverCpu(server.pid)];
    const start = performance.now();
    let count = 0;
    while (performance.now() - start < ms) count += await once_();
    const elapsed = (performance.now() - start) / 1000;
    const costs = [
      micros(process.cpuUsage()) - micros(before[0]),
      micros((await tell({})).cpu) - micros(before[1]),
      serverCpu(server.pid) - before[2],
    ].map((cost) => (cost / count).toFixed(1).padStart(8));
    const rate = Math.round(count / elapsed);
    console.log(`${name.padEnd(52)}${costs.join('')}   ${String(rate).padStart(7)} ${per}/s`);
  }
  const inFlight = (lanes, ask) => async () => {
    await Promise.all(Array.from({ length: lanes }, ask));
    return lanes;
  };

  console.log(`${'CPU µs'.padEnd(52)} gateway  worker  server`);
  const role = bus.role('outbox');
  const batch = RECORDS.map((each) => ({ record: each, submitter: undefined }));
  const bytes = new Uint8Array(BATCH * (8 + RECORDS[0].bytes.length));
  const filter = buildFilter([{ name: 'authors', keys: [new Uint8Array(32)] }]);
  const budget = { records: 64, bytes: 1e6, scanned: 1e4 };
  const query = { filter, reader: undefined, cursor: undefined, budget };
  for (const lanes of [1, 4]) {
    const flight = `, ${lanes} in flight`;
    await row(
      `bare client, the bytes of 64 records${flight}`,
      'requests',
      inFlight(lanes, () => bare.request('bare', bytes)),
    );
    await row(
      `submit a batch of 64${flight}`,
      'requests',
      inFlight(lanes, () => role.submit(batch)),
    );
  }
  await row(
    'page of 64',
    'requests',
    inFlight(1, () => role.query(query)),
  );
  await row(
    'one identity, 64 in flight',
    'requests',
    inFlight(64, () => role.identities(new Uint8Array(32))),
  );

  const tally = { heard: 0 };
  let wake = () => {};
  const hear = (records) => {
    tally.heard += records.length;
    wake();
    return records.map(() => 1);
  };
  const heardAll = async (count) => {
    while (tally.heard < count) await new Promise((resolve) => (wake = resolve));
  };
  const liveRow = (name, author, isHeard) =>
    row(`live record with 3 tags, ${name}`, 'records', async () => {
      const target = tally.heard + BATCH;
      await tell({ publish: author });
      if (isHeard) await heardAll(target);
      return BATCH;
    });
  await row('bare client, one message per record', 'records', async () => {
    await tell({ bareSubject: 'nobody' });
    return BATCH;
  });
  await liveRow('nobody listens', 1, false);
  const listener = bus.listen(hear);
  await listener.add({ author: new Uint8Array(32).fill(1) });
  await liveRow('heard by author', 1, true);
  for (let i = 0; i < 20_000; i++)
    void listener.add({ author: Buffer.from(String(i).padStart(32)) });
  await listener.add({ author: new Uint8Array(32).fill(2) });
  await liveRow('heard by one of 20,000 interests', 1, true);
  await liveRow('wanted by none of 20,000 interests', 3, false);
  child.kill();
  await Promise.all([bus.close(), bare.close()]);
  await server.stop();
}

await (process.argv[2] === '--worker' ? work(process.argv[3]) : measure());
