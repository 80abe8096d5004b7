/** The listener contract, third part: what happens when nothing happens. */
import { describe, expect, it } from 'vitest';
import { connectClient, connectRaw, connectRawWebSocket, frameHead } from './contract-client.ts';
import { type ListenerFixture, type Open, pair } from './contract-server.ts';

function registerHandshakeTimeouts(fixture: ListenerFixture, open: Open): void {
  const fixed = fixture.handshakeFixedMs;
  const limits = { handshakeTimeoutMs: 400 };
  const patienceMs = (fixed ?? 400) * 2 + 1000;

  it.each([
    ['says nothing', false, ''],
    ['says nothing after the TLS handshake', true, ''],
    ['sends half a request', true, 'GET / HTTP/1.1\r\nHost: local'],
  ])('ends a connection that %s', { timeout: patienceMs + 5000 }, async (_what, secure, text) => {
    const { listener } = await open({}, { limits });
    const raw = await connectRaw(listener, secure && fixture.tls);
    const begin = performance.now();
    raw.socket.write(text);
    await raw.ended;
    expect(performance.now() - begin).toBeLessThan(patienceMs);
  });

  it('ends a request that drips', { timeout: patienceMs + 5000 }, async () => {
    const { listener } = await open({}, { limits });
    const raw = await connectRaw(listener);
    const begin = performance.now();
    raw.socket.write('GET / HTTP/1.1\r\n');
    const drip = setInterval(() => raw.socket.write('X: y\r\n'), 50);
    await raw.ended;
    clearInterval(drip);
    expect(performance.now() - begin).toBeLessThan(patienceMs);
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
    await expect.poll(() => server.accepted[1]?.calls).toEqual(['closed']);
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

/** All of this part; at the same time, because the time is what takes long. */
export function describeTimeouts(fixture: ListenerFixture, open: Open): void {
  describe.concurrent('timeouts', () => {
    registerHandshakeTimeouts(fixture, open);
    registerIdleTimeouts(fixture, open);
  });
}
