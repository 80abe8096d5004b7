/** The listener contract, fifth part: whose a connection is, and when its handshake may begin. */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { AddressRanges } from './address-ranges.ts';
import {
  connectBehind,
  connectClient,
  connectRaw,
  exchange,
  proxyBinary,
  proxyLine,
  type RawConnection,
  upgradeRequest,
} from './contract-client.ts';
import {
  type ContractServer,
  eventually,
  type ListenerFixture,
  type Open,
} from './contract-server.ts';
import type { ListenerOptions } from './listener.ts';

const [BALANCER, STRANGER] = ['127.0.0.1', '127.0.0.2'];
const proxyFrom = new AddressRanges([`${BALANCER}/32`]);
const PAGE_REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
const IPV4 = proxyBinary('21', '11', 'cb0071090a0000019c4001bb');
const IPV6 = proxyBinary(
  '21',
  '21',
  '20010db800000000000000000000000720010db80000000000000000000000019c4001bb',
);
const LOCAL = proxyBinary('20', '00', '');

/** Writes down what abuse control is asked and told. */
function watched(refused: readonly string[] = []): {
  options: Pick<ListenerOptions, 'arrives' | 'handshakeFailed'>;
  arrived: string[];
  failed: string[];
} {
  const arrived: string[] = [];
  const failed: string[] = [];
  const arrives = (address: string): boolean => {
    arrived.push(address);
    return !refused.includes(address);
  };
  return { options: { arrives, handshakeFailed: (a) => void failed.push(a) }, arrived, failed };
}

async function addressBehind(open: Open, header: Buffer): Promise<[string, string[]]> {
  const { options, arrived } = watched();
  const server = await open(
    { message: ({ socket }, bytes) => void socket.send(bytes) },
    {
      proxyFrom,
      ...options,
    },
  );
  const client = await connectBehind(server.listener, header);
  client.websocket.send(Buffer.alloc(70_000, 3));
  await eventually(() => client.messages).toEqual([Buffer.alloc(70_000, 3)]);
  expect(server.events).toEqual([]);
  return [server.accepted[0]?.socket.remoteAddress ?? '', arrived];
}

function describeProxy(open: Open): void {
  it('names the client, version 1', async () => {
    const named = ['203.0.113.9', ['203.0.113.9']];
    expect(await addressBehind(open, proxyLine('203.0.113.9'))).toEqual(named);
  });

  it('is read however it is cut, and with what follows it', async () => {
    const server = await open({}, { proxyFrom });
    const raw = await connectRaw(server.listener, false);
    for (const byte of proxyLine('203.0.113.9')) {
      raw.socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [, whole] = [raw, await connectRaw(server.listener, false)];
    whole.socket.write(Buffer.concat([proxyLine('203.0.113.7'), Buffer.from('nonsense\r\n\r\n')]));
    await whole.ended;
    raw.socket.write('nonsense\r\n\r\n');
    await raw.ended;
    expect(server.accepted).toEqual([]);
    expect(new Set(server.events)).not.toContain('refused-proxy');
    expect(server.events).toHaveLength(2);
  });

  it('must be one, and come in time', async () => {
    const { options, failed } = watched();
    const limits = { proxyHeaderTimeoutMs: 200 };
    const server = await open({}, { proxyFrom, limits, ...options });
    const beginnings = [
      PAGE_REQUEST,
      'PROXY TCP4 1.2.3.4\r\n',
      `PROXY ${'x'.repeat(200)}`,
      '',
      'P',
    ];
    for (const begin of beginnings) {
      const raw = await connectRaw(server.listener, false);
      raw.socket.write(begin);
      await raw.ended;
      expect(raw.received()).toHaveLength(0);
    }
    await eventually(() => server.listener.handshakes).toBe(0);
    expect(server.events).toEqual(beginnings.map(() => 'refused-proxy'));
    // A balancer does not answer for what its clients or its settings do.
    expect(failed).toEqual([]);
  });

  it('decides who pushes whom out', async () => {
    const limits = { handshakesPerAddressMax: 2 };
    const server = await open({}, { proxyFrom, limits });
    const arrive = async (source: string): Promise<RawConnection> => {
      const before = server.listener.handshakes ?? 0;
      const raw = await connectRaw(server.listener, false);
      raw.socket.write(proxyLine(source));
      await eventually(() => (server.listener.handshakes ?? 0) + server.events.length).toBe(
        before + 1,
      );
      return raw;
    };
    const honest = await arrive('203.0.113.1');
    const hostile = [await arrive('203.0.113.2'), await arrive('203.0.113.2')];
    hostile.push(await connectRaw(server.listener, false));
    hostile[2]?.socket.write(proxyLine('203.0.113.2'));
    await hostile[0]?.ended;
    expect(server.events).toEqual(['dropped-address']);
    expect([honest, hostile[1]].map((raw) => raw?.socket.readableEnded)).toEqual([false, false]);
    for (const { socket } of [honest, ...hostile]) socket.destroy();
  });
}

function describeVersion2(fixture: ListenerFixture, open: Open): void {
  it('names the client, version 2', async () => {
    expect(await addressBehind(open, IPV4)).toEqual(['203.0.113.9', ['203.0.113.9']]);
    expect(await addressBehind(open, IPV6)).toEqual(['2001:db8::7', ['2001:db8::7']]);
  });

  it('lets a balancer look whether the server lives, at nobody’s cost', async () => {
    const { options, arrived, failed } = watched([BALANCER]);
    const server = await open({}, { proxyFrom, ...options });
    if (!fixture.tls) {
      const raw = await connectRaw(server.listener, false);
      raw.socket.write(Buffer.concat([LOCAL, Buffer.from(PAGE_REQUEST)]));
      await raw.ended;
      expect(raw.received().toString()).toMatch(/^HTTP\/1.1 200 /);
    } else {
      const raw = await connectRaw(server.listener, false);
      raw.socket.write(Buffer.concat([LOCAL, Buffer.from('this is no TLS')]));
      await raw.ended;
      expect(server.events).toEqual(['refused-tls']);
    }
    expect([arrived, failed]).toEqual([[], []]);
  });

  it('is wanted from balancers, for a WebSocket', async () => {
    const server = await open({}, { proxyFrom });
    await expect(connectClient(server.listener)).rejects.toThrow();
    expect(server.events).toEqual(['refused-proxy']);
    expect(server.accepted).toEqual([]);
  });

  it('decides whose handshake failed', async () => {
    const { options, failed } = watched();
    const server = await open({}, { proxyFrom, ...options });
    const raw = await connectRaw(server.listener, false);
    raw.socket.write(Buffer.concat([IPV4, Buffer.from('neither TLS nor HTTP\r\n\r\n')]));
    await raw.ended;
    await eventually(() => failed).toEqual(['203.0.113.9']);
  });
}

function describeStrangers(fixture: ListenerFixture, open: Open): void {
  it('is a mistake from anybody else', async () => {
    const { options, arrived, failed } = watched();
    const server = await open({}, { ...(fixture.readsProxy && { proxyFrom }), ...options });
    await expect(connectBehind(server.listener, IPV4, STRANGER)).rejects.toThrow();
    expect(server.accepted).toEqual([]);
    // uWebSockets.js does not tell of a TLS handshake that failed.
    const isTold = fixture.seesUnfinished || !fixture.tls;
    await eventually(() => failed).toEqual(isTold ? [STRANGER] : []);
    expect(server.events).toHaveLength(failed.length);
    expect(arrived.every((address) => address === STRANGER)).toBe(true);
    const client = await connectClient(server.listener, { localAddress: STRANGER });
    expect(server.accepted[0]?.socket.remoteAddress).toBe(STRANGER);
    client.websocket.close();
  });
}

function describeControl(fixture: ListenerFixture, open: Open): void {
  it('cuts who must not arrive, without a word', async () => {
    const { options, arrived, failed } = watched([STRANGER]);
    const server = await open({}, options);
    await expect(connectClient(server.listener, { localAddress: STRANGER })).rejects.toThrow();
    await connectClient(server.listener);
    expect(server.accepted).toHaveLength(1);
    expect(server.events).toEqual(['refused-rate']);
    expect([arrived, failed]).toEqual([[STRANGER, BALANCER], []]);
  });

  it('tells whose handshake failed, and not of who only left', async () => {
    const { options, failed } = watched();
    const server = await open({}, options);
    const left = await connectRaw(server.listener, false, STRANGER);
    left.socket.destroy();
    const asked = await exchange(server.listener, upgradeRequest({}, 'GET /chat HTTP/1.1'));
    expect(asked).toMatch(/^HTTP\/1.1 404 /);
    await connectClient(server.listener);
    expect(failed).toEqual([BALANCER]);
    if (!fixture.tls || !fixture.seesUnfinished) return;
    const raw = await connectRaw(server.listener, false, STRANGER);
    raw.socket.write('this is no TLS at all');
    await raw.ended;
    await eventually(() => failed).toEqual([BALANCER, STRANGER]);
  });
}

async function waitingFrom(
  { listener }: ContractServer,
  localAddress: string,
  count: number,
): Promise<RawConnection[]> {
  const before = listener.waiting ?? 0;
  const all = await Promise.all(
    Array.from({ length: count }, () => connectRaw(listener, false, localAddress)),
  );
  await eventually(() => listener.waiting).toBeGreaterThan(before + count / 2);
  return all;
}

function describePace(open: Open): void {
  it('begins handshakes in turns, and one address does not take all of them', async () => {
    const limits = { handshakesPerSecondMax: 5, handshakeWaitMs: 60_000 };
    const server = await open({}, { limits });
    const silent = await waitingFrom(server, STRANGER, 60);
    const client = await connectClient(server.listener);
    // The honest one came last and is in, while most of the others still wait.
    expect(server.listener.waiting).toBeGreaterThan(20);
    expect(server.accepted).toHaveLength(1);
    expect(server.events).toEqual([]);
    client.websocket.close();
    for (const { socket } of silent) socket.destroy();
  });

  it('cuts who waits too long, and counts nothing that is gone', async () => {
    const limits = { handshakesPerSecondMax: 1, handshakeWaitMs: 200 };
    const server = await open({}, { limits });
    const silent = await waitingFrom(server, STRANGER, 20);
    await eventually(() => server.listener.waiting).toBe(0);
    expect(new Set(server.events)).toEqual(new Set(['dropped-waiting']));
    await eventually(() => server.listener.handshakes).toBe(silent.length - server.events.length);
    for (const { socket } of silent) socket.destroy();
    await eventually(() => server.listener.handshakes).toBe(0);
  });

  it('closes with some waiting', async () => {
    const server = await open({}, { limits: { handshakesPerSecondMax: 1 } });
    const silent = await waitingFrom(server, STRANGER, 20);
    await server.listener.close();
    await Promise.all(silent.map(({ ended }) => ended));
    await eventually(() => server.listener.handshakes).toBe(0);
    expect(server.listener.waiting).toBe(0);
  });
}

function describeRate(open: Open): void {
  it('tells who comes above the rate when to come again', async () => {
    const server = await open({}, { limits: { upgradesPerSecondMax: 1 } });
    const statuses: (string | undefined)[] = [];
    while (!statuses.some((status) => status?.startsWith('HTTP/1.1 503'))) {
      const raw = await connectRaw(server.listener);
      raw.socket.write(upgradeRequest());
      while (!raw.received().includes('\r\n\r\n')) await once(raw.socket, 'data');
      const [status] = raw.received().toString().split('\r\n');
      statuses.push(status);
      if (!status?.startsWith('HTTP/1.1 503')) continue;
      expect(raw.received().toString()).toMatch(/\r\nretry-after: [1-5]\r\n/i);
      await raw.ended;
    }
    expect(server.events).toEqual(['refused-pace']);
    expect(server.accepted).toHaveLength(statuses.length - 1);
  });
}

/** All of this part. */
export function describeDoor(fixture: ListenerFixture, open: Open): void {
  describe.runIf(fixture.readsProxy)('PROXY header', () => {
    describeProxy(open);
    describeVersion2(fixture, open);
  });
  describe('PROXY header', () => describeStrangers(fixture, open));
  describe('abuse control', () => describeControl(fixture, open));
  describe.runIf(fixture.seesUnfinished)('pace', () => describePace(open));
  describe.runIf(!fixture.seesUnfinished)('rate', () => describeRate(open));
}
