/** The listener contract, third part: what happens when nothing happens. */
import { it } from 'vitest';
import {
  connectClient,
  connectRaw,
  connectRawWebSocket,
  frameHead,
  type RawConnection,
  upgradeRequest,
} from './contract-client.ts';
import { type ListenerFixture, type Open, pair } from './contract-server.ts';

/** A TLS record of 512 bytes with the beginning of a ClientHello (RFC 8446 §4.1.2, §5.1). */
const CLIENT_HELLO_BEGIN = Buffer.from('1603010200010001fc0303', 'hex');

function registerHandshakeTimeouts(fixture: ListenerFixture, open: Open): void {
  const handshakeTimeoutMs = 400;
  // TLS and HTTP have this time each, and a late one is found a little later.
  const patienceMs = (fixture.handshakeFixedMs ?? handshakeTimeoutMs) * 2 + 3000;
  const timeout = patienceMs + 10_000;

  it('ends connections that do not come to the point', { timeout }, async ({ expect }) => {
    const failed: string[] = [];
    const { listener, accepted, events } = await open(
      {},
      {
        limits: { handshakeTimeoutMs },
        handshakeFailed: (address) => void failed.push(address),
      },
    );
    const begin = performance.now();
    const arrive = async (tls: boolean, text: string | Buffer): Promise<RawConnection> => {
      const raw = await connectRaw(listener, tls);
      raw.socket.write(text);
      return raw;
    };
    const waiting = [
      await arrive(false, ''),
      await arrive(fixture.tls, ''),
      await arrive(fixture.tls, 'GET / HTTP/1.1\r\nHost: local'),
    ];
    const dripping = [
      // Its TLS handshake, its request, its WebSocket handshake: each goes on and never ends.
      await arrive(false, fixture.tls ? CLIENT_HELLO_BEGIN : 'GET /'),
      await arrive(fixture.tls, 'GET / HTTP/1.1\r\n'),
      await arrive(fixture.tls, upgradeRequest().slice(0, -2)),
    ];
    const drip = setInterval(() => {
      dripping[0]?.socket.write('x');
      for (const { socket } of dripping.slice(1)) socket.write('X: y\r\n');
    }, 50);
    await Promise.all([...waiting, ...dripping].map(({ ended }) => ended));
    clearInterval(drip);
    expect(performance.now() - begin).toBeLessThan(patienceMs);
    expect(accepted).toEqual([]);
    if (!fixture.seesUnfinished) return;
    expect(events).toEqual(Array(6).fill('refused-late'));
    expect(failed).toEqual(Array(6).fill('127.0.0.1'));
  });
}

function registerIdleTimeouts(fixture: ListenerFixture, open: Open): void {
  const { idleTimeoutMs } = fixture;
  const limits = { idleTimeoutMs };
  const timeout = idleTimeoutMs * 5 + 10_000;

  it('cuts a peer that does not answer pings, not one that does', {
    timeout,
  }, async ({ expect }) => {
    const server = await open({}, { limits });
    const alive = await pair(server);
    const dead = await connectClient(server.listener, { autoPong: false });
    let pings = 0;
    alive.client.websocket.on('ping', () => {
      pings += 1;
    });
    expect((await dead.closed).code).toBe(1006);
    await expect
      .poll(() => server.accepted[1]?.calls, { timeout: idleTimeoutMs * 4 })
      .toEqual(['closed']);
    expect(server.events).toEqual(['cut-idle']);
    await expect.poll(() => pings, { timeout: idleTimeoutMs * 4 }).toBeGreaterThan(1);
    expect(alive.accepted.calls).toEqual([]);
    expect(server.listener.connections).toBe(1);
  });

  it('takes the parts of a slow message as signs of life', { timeout }, async ({ expect }) => {
    const server = await open({}, { limits });
    const raw = await connectRawWebSocket(server.listener);
    const length = 12;
    raw.socket.write(frameHead(2, length));
    // One byte eight times in an idle timeout, and no pong: one and a half idle timeouts in all.
    const drip = setInterval(() => raw.socket.write(Buffer.of(1)), idleTimeoutMs / 8);
    await expect
      .poll(() => server.accepted[0]?.messages, { timeout: idleTimeoutMs * 5 })
      .toEqual([Buffer.alloc(length, 1)]);
    clearInterval(drip);
    expect(server.events).toEqual([]);
  });
}

/** All of this part. */
export function describeTimeouts(fixture: ListenerFixture, open: Open): void {
  registerHandshakeTimeouts(fixture, open);
  registerIdleTimeouts(fixture, open);
}
