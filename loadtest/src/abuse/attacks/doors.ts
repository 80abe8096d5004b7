/** Attacks on the way in: connections and handshakes, many, slow, broken off or by false names. */
import type { Socket } from 'node:net';
import { OPCODE, writeFrameHead } from '../../generator/frame.ts';
import type { Attack, Attacker } from '../attack.ts';
import { pace } from '../attacker/pace.ts';
import { clientHello, RawSockets } from '../attacker/raw-socket.ts';
import { keepTalking, openTalk, type Talk } from '../attacker/talk.ts';

const SOCKETS_MAX = 2_000;
const SLOW_MAX = 800;
const SLOW_PER_SECOND = 100;
const DRIP_MS = 500;
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ';
/** Who asks for a WebSocket with a request that never ends says this much of it at first. */
const FRAME_BYTES = 100_000;

const connectionFlood: Attack = {
  name: 'connection-flood',
  title: 'opens WebSockets without end and keeps them',
  place: 'any',
  aim: 'refused',
  async run(attacker) {
    const talks: Talk[] = [];
    let opening = 0;
    await pace(200, attacker.signal, () => {
      if (opening >= 100 || talks.length >= SOCKETS_MAX) return;
      opening += 1;
      attacker.tally.sent += 1;
      void openTalk(attacker, attacker.gateways[0]!).then((talk) => {
        opening -= 1;
        if (talk === undefined) return;
        attacker.tally.accepted('open');
        talks.push(talk);
      });
    });
    await Promise.all(talks.map(({ connection }) => connection.close()));
  },
};

const handshakeFlood: Attack = {
  name: 'handshake-flood',
  title: 'begins TLS handshakes and leaves when the server has done its part',
  place: 'any',
  aim: 'refused',
  async run(attacker) {
    const hello = await clientHello();
    const sockets = new RawSockets(attacker, SOCKETS_MAX);
    await sockets.flood(500, () => {
      sockets.begin(false, (socket) => {
        socket.write(hello);
        socket.once('data', () => sockets.leave(socket));
      });
    });
  },
};

const slowTls: Attack = {
  name: 'slow-tls',
  title: 'sends TLS handshakes byte by byte',
  place: 'any',
  aim: 'endured',
  async run(attacker) {
    const hello = await clientHello();
    const sent = new WeakMap<Socket, number>();
    const sockets = new RawSockets(attacker, SLOW_MAX);
    const dripping = sockets.drip(DRIP_MS, (socket) => {
      const at = sent.get(socket) ?? 0;
      sent.set(socket, at + 1);
      socket.write(hello.subarray(at, at + 1));
    });
    await sockets.flood(SLOW_PER_SECOND, () => sockets.begin(false, () => {}));
    await dripping;
  },
};

const slowHttp: Attack = {
  name: 'slow-http',
  title: 'sends requests for a WebSocket byte by byte',
  place: 'any',
  aim: 'endured',
  async run(attacker) {
    const sockets = new RawSockets(attacker, SLOW_MAX);
    const dripping = sockets.drip(DRIP_MS, (socket) => socket.write('x'));
    await sockets.flood(SLOW_PER_SECOND, () => {
      sockets.begin(true, (socket) => {
        socket.resume();
        socket.write(REQUEST);
      });
    });
    await dripping;
  },
};

const slowWebSocket: Attack = {
  name: 'slow-websocket',
  title: 'sends messages byte by byte, on many connections',
  place: 'any',
  aim: 'endured',
  async run(attacker) {
    const head = Buffer.alloc(14);
    writeFrameHead(head, 0, FRAME_BYTES, OPCODE.binary);
    const { talks, done } = keepTalking(attacker, 200, ({ connection }) => {
      attacker.tally.sent += 1;
      attacker.tally.accepted('open');
      connection.write(head);
    });
    await pace(1000 / DRIP_MS, attacker.signal, () => {
      for (const talk of talks) talk?.connection.write(Buffer.of(0));
    });
    await done;
  },
};

const halfOpen: Attack = {
  name: 'half-open',
  title: 'opens TCP connections and says nothing',
  place: 'any',
  aim: 'refused',
  async run(attacker) {
    const sockets = new RawSockets(attacker, SOCKETS_MAX);
    await sockets.flood(500, () => sockets.begin(false, (socket) => socket.resume()));
  },
};

const reconnectStorm: Attack = {
  name: 'reconnect-storm',
  title: 'many addresses connect at once, again and again',
  place: 'any',
  aim: 'endured',
  run: (attacker) => storm(attacker, 20, 10),
};

/** From each of so many addresses so many connections at a time. */
async function storm(attacker: Attacker, addresses: number, each: number): Promise<void> {
  const [gateway] = attacker.gateways;
  const sockets = new RawSockets(attacker, addresses * each);
  let turn = 0;
  await sockets.flood(300, () => {
    turn += 1;
    const localAddress = `127.0.2.${1 + (turn % addresses)}`;
    sockets.begin(
      true,
      (socket) => {
        socket.resume();
        socket.write(REQUEST);
        setTimeout(() => sockets.leave(socket), 500);
      },
      { ...gateway!, localAddress },
    );
  });
}

const spoofedProxy: Attack = {
  name: 'spoofed-proxy',
  title: 'says in PROXY headers that it is somebody else, and is no balancer',
  place: 'any',
  aim: 'refused',
  settings: { MOSAIC_PROXY_PROTOCOL_FROM: '127.0.9.0/24' },
  async run(attacker) {
    const sockets = new RawSockets(attacker, SOCKETS_MAX);
    let turn = 0;
    await sockets.flood(100, () => {
      sockets.begin(false, (socket) => {
        turn += 1;
        socket.resume();
        socket.write(`PROXY TCP4 127.0.0.${turn % 250} 127.0.0.1 40000 443\r\n`);
      });
    });
  },
};

/** All of them. */
export const DOOR_ATTACKS: readonly Attack[] = [
  connectionFlood,
  handshakeFlood,
  slowTls,
  slowHttp,
  slowWebSocket,
  halfOpen,
  reconnectStorm,
  spoofedProxy,
];
