/**
 * What connecting costs, and what those who are connected already feel of it: clients come to the
 * listener for client certificates all at once, again and again, while one that is connected asks for
 * echoes. Servers take turns, each a process of its own; ratios are to the first. Run after a build:
 *
 *     node services/gateway/bench/front-door.bench.mjs [--against DIST/INDEX.JS] [--clients N] [--rounds N]
 *
 * `--against` names the built index of the gateway package of another checkout, to compare with.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect } from 'node:tls';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { makeTlsIdentity } from '@mosaic-cluster/certificate';

const HERE = fileURLToPath(import.meta.url);
const { WebSocket } = createRequire(HERE)('ws');
const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: mosaic2024',
  '\r\n',
].join('\r\n');

async function serve(index, limits) {
  const { openMtlsListener } = await import(pathToFileURL(index));
  const listener = await openMtlsListener({
    host: '127.0.0.1',
    port: 0,
    page: '',
    tls: makeTlsIdentity(new Uint8Array(32).fill(1)),
    limits: { ...limits, connectionsMax: 100_000, handshakesMax: 50_000 },
    accept: (socket) => ({
      message: (bytes) => void socket.send(bytes),
      text() {},
      tooLarge() {},
      crowdedOut() {},
      drained() {},
      closed() {},
    }),
  });
  process.on('message', () => {
    globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    process.send({ cpuMs: (user + system) / 1000, bytes: process.memoryUsage.rss() });
  });
  process.send({ url: listener.url, port: listener.port });
}

async function start(index, limits) {
  const child = fork(HERE, ['--serve', JSON.stringify({ index, limits })], {
    execArgv: ['--expose-gc'],
  });
  const [{ url, port }] = await once(child, 'message');
  const ask = async () => {
    child.send('figures');
    const [figures] = await once(child, 'message');
    return figures;
  };
  return { url, port, ask, end: () => child.kill() };
}

/** One connection of the storm; resolves with its socket when it is a WebSocket. */
async function arrive(port, number) {
  const localAddress = `127.2.${(number >> 8) & 0xff}.${number & 0xff}`;
  for (;;) {
    const socket = connect({ host: '127.0.0.1', port, localAddress, rejectUnauthorized: false });
    socket.on('error', () => {});
    const isOpen = await new Promise((resolve) => {
      socket.once('secureConnect', () => socket.write(UPGRADE));
      socket.once('data', () => resolve(true));
      socket.once('close', () => resolve(false));
    });
    if (isOpen) return socket;
  }
}

/** Asks for an echo every few milliseconds until it is told to stop; the times that they took. */
async function probe(url, over) {
  const client = new WebSocket(url, ['mosaic2024'], { rejectUnauthorized: false });
  await once(client, 'open');
  const times = [];
  while (!over.aborted) {
    const begin = performance.now();
    client.send(Buffer.of(1));
    await once(client, 'message');
    times.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  client.terminate();
  return times.sort((a, b) => a - b);
}

async function measure(server, clients) {
  const before = await server.ask();
  // The probe has a process of its own, so that it does not wait for the storm's clients.
  const probing = fork(HERE, ['--probe', server.url]);
  await once(probing, 'message');
  const begin = performance.now();
  const sockets = await Promise.all(
    Array.from({ length: clients }, (_, number) => arrive(server.port, number)),
  );
  const seconds = (performance.now() - begin) / 1000;
  probing.send('over');
  const [times] = await once(probing, 'message');
  const after = await server.ask();
  for (const socket of sockets) socket.destroy();
  return {
    perSecond: clients / seconds,
    cpuMs: (after.cpuMs - before.cpuMs) / clients,
    kilobytes: (after.bytes - before.bytes) / 1024 / clients,
    p50: times[Math.floor(times.length * 0.5)],
    p99: times[Math.floor(times.length * 0.99)],
    worst: times.at(-1),
  };
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

async function main({ against, clients, rounds }) {
  const own = fileURLToPath(new URL('../dist/index.js', import.meta.url));
  const cases = [
    ...(against === undefined ? [] : [{ name: 'the other', index: against, limits: {} }]),
    { name: 'no pace', index: own, limits: { handshakesPerSecondMax: 1_000_000 } },
    { name: 'as set', index: own, limits: {} },
  ];
  const results = cases.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < cases.length; i++) {
      const { index, limits } = cases[(i + round) % cases.length];
      const server = await start(index, limits);
      results[(i + round) % cases.length].push(await measure(server, clients));
      server.end();
    }
  }
  console.log(`${clients} clients at once, medians of ${rounds} rounds; ratios to the first line`);
  const figures = {
    perSecond: 'connections/s',
    cpuMs: 'server CPU, ms each',
    kilobytes: 'memory, KB each',
    p50: 'echo p50, ms',
    p99: 'p99, ms',
    worst: 'worst, ms',
  };
  for (const [figure, title] of Object.entries(figures)) {
    const first = median(results[0].map((result) => result[figure]));
    const cells = cases.map(({ name }, i) => {
      const value = median(results[i].map((result) => result[figure]));
      return `${name} ${value.toFixed(2)} (${(value / first).toFixed(2)})`;
    });
    console.log(`  ${title.padEnd(20)} ${cells.join('   ')}`);
  }
}

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    clients: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    serve: { type: 'string' },
    probe: { type: 'string' },
  },
});
if (values.serve !== undefined) {
  const { index, limits } = JSON.parse(values.serve);
  await serve(index, limits);
} else if (values.probe !== undefined) {
  const over = new AbortController();
  process.once('message', () => over.abort());
  const probing = probe(values.probe, over.signal);
  process.send('ready');
  process.send(await probing);
  process.disconnect();
} else {
  await main({ ...values, clients: Number(values.clients), rounds: Number(values.rounds) });
}
