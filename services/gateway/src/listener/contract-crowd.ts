/** The listener contract, fourth part: what a crowd, or one who poses as one, does to others. */
import { describe, expect, it } from 'vitest';
import {
  connectClient,
  connectRaw,
  connectRawWebSocket,
  type ContractClient,
  frameHead,
  type RawConnection,
} from './contract-client.ts';
import {
  type ContractServer,
  eventually,
  type ListenerFixture,
  type Open,
  type Reactions,
} from './contract-server.ts';
import { ReceiveBudget } from './receive-budget.ts';

const [HOSTILE, STRANGER, HONEST] = ['127.0.0.2', '127.0.0.3', '127.0.0.1'];
/** Far less than the time after which silent connections end by themselves. */
const NORMAL_MS = 5000;
const CLOSING_TOO_FAST = Buffer.of(0xfe, 39, 0, 0, 0, 0, 0, 0);

async function connectAs(server: ContractServer, localAddress: string): Promise<ContractClient> {
  return connectClient(server.listener, { localAddress, handshakeTimeout: NORMAL_MS });
}

/** TCP connections that say nothing. */
async function silence(
  { listener }: ContractServer,
  localAddress: string,
  count: number,
): Promise<RawConnection[]> {
  const connections: RawConnection[] = [];
  for (let i = 0; i < count; i++) {
    connections.push(await connectRaw(listener, false, localAddress));
  }
  return connections;
}

function hangUp(connections: readonly RawConnection[]): void {
  for (const { socket } of connections) socket.destroy();
}

function describeSilence(fixture: ListenerFixture, open: Open): void {
  it('serves others while one address holds many silent connections', async () => {
    const limits = { connectionsMax: 20, handshakesMax: 200 };
    const server = await open({}, { limits });
    const silent = await silence(server, HOSTILE, 300);
    const clients = [await connectAs(server, HONEST), await connectAs(server, HOSTILE)];
    expect(server.listener.connections).toBe(clients.length);
    hangUp(silent);
  });

  it.runIf(fixture.seesUnfinished)('cuts the oldest of an address that has too many', async () => {
    const limits = { handshakesMax: 100, handshakesPerAddressMax: 10 };
    const server = await open({}, { limits });
    const bystander = await silence(server, STRANGER, 1);
    const silent = await silence(server, HOSTILE, 13);
    await Promise.all(silent.slice(0, 3).map(({ ended }) => ended));
    expect(server.listener.handshakes).toBe(11);
    expect(server.events).toEqual(Array(3).fill('dropped-address'));
    expect(bystander[0]?.socket.closed).toBe(false);
    expect(silent.slice(3).every(({ socket }) => !socket.readableEnded)).toBe(true);
    hangUp([...silent, ...bystander]);
    await eventually(() => server.listener.handshakes).toBe(0);
  });

  it.runIf(fixture.seesUnfinished)(
    'makes room at the cost of the address that has most',
    async () => {
      const limits = { handshakesMax: 12, handshakesPerAddressMax: 12 };
      const server = await open({}, { limits });
      const strangers = await silence(server, STRANGER, 2);
      const silent = await silence(server, HOSTILE, 10);
      expect(server.events).toEqual([]);
      const clients = [await connectAs(server, HONEST), await connectAs(server, HONEST)];
      expect(clients).toHaveLength(2);
      // The second took the place that the first had left by becoming a WebSocket.
      expect(server.events).toEqual(['dropped-all']);
      await silent[0]?.ended;
      expect([...strangers, ...silent.slice(1)].every(({ socket }) => !socket.closed)).toBe(true);
      expect(server.listener.handshakes).toBe(11);
      hangUp([...strangers, ...silent]);
      await eventually(() => server.listener.handshakes).toBe(0);
    },
  );

  it.runIf(fixture.seesUnfinished)('holds out against who comes again and again', async () => {
    const limits = { handshakesMax: 30, handshakesPerAddressMax: 20 };
    const server = await open({}, { limits });
    const over = new AbortController();
    const again = async (): Promise<void> => {
      while (!over.signal.aborted) {
        try {
          const [silent] = await silence(server, HOSTILE, 1);
          await silent?.ended;
        } catch {
          // Cut as soon as it was there, or the listener is closed.
        }
      }
    };
    const flood = Array.from({ length: 60 }, again);
    await eventually(() => server.events.length).toBeGreaterThan(100);
    for (let i = 0; i < 5; i++) await connectAs(server, HONEST);
    over.abort();
    await server.listener.close();
    await Promise.all(flood);
    expect(new Set(server.events)).toEqual(new Set(['dropped-address']));
  });
}

function describeParts(open: Open): void {
  const farewell: Reactions = {
    crowdedOut: ({ socket }) => void socket.send(CLOSING_TOO_FAST),
  };
  const partBytes = 300_000;

  /** A connection that has sent a part of a message of twice that length. */
  const begin = async (server: ContractServer, localAddress: string): Promise<RawConnection> => {
    const raw = await connectRawWebSocket(server.listener, localAddress);
    raw.socket.write(frameHead(2, partBytes * 2));
    raw.socket.write(Buffer.alloc(partBytes));
    return raw;
  };

  it('are given up when they hold too much: the heaviest address goes first', async () => {
    const receiveBudget = new ReceiveBudget(1_000_000);
    const server = await open(farewell, { receiveBudget });
    // Age counts as well as bytes: whoever is to go must not be the younger one.
    const hostile = [await begin(server, HOSTILE), await begin(server, HOSTILE)];
    await eventually(() => receiveBudget.heldBytes).toBeGreaterThan(partBytes * 2);
    const honest = await begin(server, HONEST);
    await eventually(() => receiveBudget.heldBytes).toBeGreaterThan(partBytes * 3);
    expect(server.events).toEqual([]);
    hostile.push(await begin(server, HOSTILE));
    await eventually(() => server.accepted.flatMap(({ calls }) => calls)).toEqual([
      'crowdedOut',
      'closed',
    ]);
    expect(server.events).toEqual(['cut-receiving']);
    expect(receiveBudget.heldBytes).toBeLessThanOrEqual(1_000_000);
    await eventually(() => hostile.filter(({ socket }) => socket.closed).length).toBe(1);
    const cut = hostile.find(({ socket }) => socket.closed);
    // Its last message and the close frame with 1013, although it was in the middle of a message.
    const goodbye = Buffer.concat([Buffer.of(0x82, 8), CLOSING_TOO_FAST]);
    const said = cut?.received() ?? Buffer.alloc(0);
    expect(said.includes(goodbye)).toBe(true);
    expect(said.subarray(said.indexOf(goodbye) + goodbye.length)[0]).toBe(0x88);
    expect(said.readUInt16BE(said.indexOf(goodbye) + goodbye.length + 2)).toBe(1013);

    honest.socket.write(Buffer.alloc(partBytes));
    await eventually(() => server.accepted[2]?.messages.map(({ length }) => length)).toEqual([
      partBytes * 2,
    ]);
    hangUp(hostile);
    await eventually(() => receiveBudget.heldBytes).toBe(0);
    hangUp([honest]);
  });

  it('count in fragments as in frames, and no longer when the message is complete', async () => {
    const receiveBudget = new ReceiveBudget(1_000_000);
    const server = await open(farewell, { receiveBudget });
    const client = await connectClient(server.listener);
    for (let i = 0; i < 20; i++) {
      client.websocket.send(Buffer.alloc(100_000), { fin: false });
      client.websocket.send(Buffer.alloc(100_000), { fin: true });
    }
    await eventually(() => server.accepted[0]?.messages.length).toBe(20);
    expect(receiveBudget.heldBytes).toBe(0);
    client.websocket.send(Buffer.alloc(900_000), { fin: false });
    await eventually(() => receiveBudget.heldBytes).toBeGreaterThan(900_000);
    const other = await connectClient(server.listener);
    other.websocket.send(Buffer.alloc(500_000), { fin: false });
    expect(await client.closed).toEqual({ code: 1013, reason: 'too many unfinished messages' });
    expect(client.messages).toEqual([CLOSING_TOO_FAST]);
    await eventually(() => receiveBudget.heldBytes).toBeGreaterThan(500_000);
    expect(server.course).toEqual(['opened', 'opened', 'cut-receiving']);
    other.websocket.terminate();
    await eventually(() => server.course.at(-1)).toBe('left');
    expect(receiveBudget.heldBytes).toBe(0);
    // What never became a message is told, once; what did is not.
    const [crowdedOut, left] = server.accepted.map(({ wasted }) => wasted);
    expect(crowdedOut).toBeGreaterThan(900_000);
    expect(crowdedOut).toBeLessThan(950_000);
    expect(left).toBeGreaterThan(500_000);
    expect(left).toBeLessThan(550_000);
  });

  it('are given up where their client may not go on, long ones alone', async () => {
    const server = await open({ ...farewell, mayReceive: () => false });
    const client = await connectClient(server.listener);
    for (let i = 0; i < 3; i++) {
      client.websocket.send(Buffer.alloc(20_000), { fin: false });
      client.websocket.send(Buffer.alloc(20_000), { fin: true });
    }
    await eventually(() => server.accepted[0]?.messages.length).toBe(3);
    client.websocket.send(Buffer.alloc(200_000), { fin: false });
    expect((await client.closed).code).toBe(1013);
    expect(client.messages).toEqual([CLOSING_TOO_FAST]);
    expect(server.course).toEqual(['opened', 'cut-receiving']);
    expect(server.accepted[0]?.calls[0]).toBe('crowdedOut');
  });
}

function describeCourse(open: Open): void {
  it('tells of every connection once that it opened, and once how it ended', async () => {
    const server = await open({ message: ({ socket }) => socket.close(1000, '') });
    const [leaving, left] = [
      await connectClient(server.listener),
      await connectClient(server.listener),
    ];
    leaving.websocket.close();
    await eventually(() => server.course).toEqual(['opened', 'opened', 'left']);
    left.websocket.send(Buffer.of(1));
    await eventually(() => server.course).toEqual(['opened', 'opened', 'left', 'closed']);
    await left.closed;
    await server.listener.close();
    expect(server.course).toHaveLength(4);
  });
}

/** All of this part. */
export function describeCrowd(fixture: ListenerFixture, open: Open): void {
  describe('silent connections', () => describeSilence(fixture, open));
  describe.runIf(fixture.seesUnfinished)('parts of messages', () => describeParts(open));
  describe('course', () => describeCourse(open));
}
