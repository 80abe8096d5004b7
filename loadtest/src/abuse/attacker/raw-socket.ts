/** Sockets of attackers that never become a proper connection, and the count of how they end. */
import { createServer, connect as connectTcp, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { once } from 'node:events';
import type { ServerAddress } from '../../generator/server-address.ts';
import type { Attacker } from '../attack.ts';
import { pace, pause } from './pace.ts';

/** Time that the server has to take a connection. */
const CONNECT_TIMEOUT_MS = 15_000;

/** Sockets of an attack: at most so many open at a time. */
export class RawSockets {
  readonly #attacker: Attacker;
  readonly #max: number;
  readonly #open = new Set<Socket>();
  readonly #left = new WeakSet<Socket>();

  constructor(attacker: Attacker, max: number) {
    this.#attacker = attacker;
    this.#max = max;
  }

  /** Those that are open. */
  get open(): ReadonlySet<Socket> {
    return this.#open;
  }

  /** Opens a socket, with TLS where wanted; nothing where there are too many already. */
  begin(withTls: boolean, ready: (socket: Socket) => void, address?: ServerAddress): void {
    const { gateways, tally, signal } = this.#attacker;
    if (this.#open.size >= this.#max || signal.aborted) return;
    const { host, port, localAddress, tls } = address ?? gateways[0]!;
    const place = { host, port, ...(localAddress === undefined ? {} : { localAddress }) };
    const isSecure = withTls && tls;
    const socket = isSecure
      ? connectTls({ ...place, rejectUnauthorized: false })
      : connectTcp(place);
    let isReady = false;
    tally.sent += 1;
    this.#open.add(socket);
    const timer = setTimeout(() => socket.destroy(), CONNECT_TIMEOUT_MS);
    socket.once(isSecure ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      isReady = true;
      tally.accepted(isSecure ? 'TLS' : 'TCP');
      ready(socket);
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      this.#open.delete(socket);
      if (!signal.aborted && !this.#left.has(socket))
        tally.refused(isReady ? 'cut' : 'cut at once');
    });
  }

  /** Ends a socket without a word: then its end is nobody else's doing. */
  leave(socket: Socket): void {
    this.#left.add(socket);
    // A reset leaves nothing waiting on this machine; below TLS there is no way to send one.
    if (socket instanceof TLSSocket) socket.destroy();
    else socket.resetAndDestroy();
  }

  /** Opens sockets at a rate until the attack ends, and closes all of them. */
  async flood(perSecond: number, begin: () => void): Promise<void> {
    await pace(perSecond, this.#attacker.signal, begin);
    for (const socket of this.#open) socket.destroy();
  }

  /** Writes to all open sockets again and again until the attack ends. */
  async drip(everyMs: number, write: (socket: Socket) => void): Promise<void> {
    const { signal } = this.#attacker;
    while (!signal.aborted) {
      await pause(everyMs, signal);
      for (const socket of this.#open) if (socket.writable) write(socket);
    }
  }
}

/** The first thing that a TLS client says, taken from one that talks to nobody. */
export async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
  client.on('error', () => {});
  const [connection] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(connection, 'data')) as [Buffer];
  client.destroy();
  connection.destroy();
  server.close();
  return hello;
}
