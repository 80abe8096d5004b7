/**
 * The TCP server in front of Node's HTTP and HTTPS servers: it learns whose a connection is before
 * anything else happens to it, turns floods away, and lets the others in at a pace.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { MosaicError } from '@mosaic-cluster/protocol';
import { addressGroup, normalizeAddress } from '@mosaic-cluster/abuse';
import { HandshakePace } from './handshake-pace.ts';
import type { ListenerOptions } from './listener.ts';
import type { ListenerEvent } from './listener-events.ts';
import type { ListenerLimits } from './listener-limits.ts';
import { receiveProxyHeader } from './proxy-arrival.ts';
import { type Arrival, WsArrivals } from './ws-arrivals.ts';

/** Takes connections, and hands them on when their handshake may begin. */
export class FrontDoor {
  readonly #options: ListenerOptions;
  readonly #limits: ListenerLimits;
  readonly #observe: (event: ListenerEvent) => void;
  readonly #server: Server;
  readonly #arrivals: WsArrivals;
  readonly #pace: HandshakePace<Arrival>;

  /** @param begin starts the handshake of a connection that is not read from */
  constructor(options: ListenerOptions, limits: ListenerLimits, begin: (from: Socket) => void) {
    this.#options = options;
    this.#limits = limits;
    this.#observe = options.observe ?? (() => {});
    this.#arrivals = new WsArrivals(limits, this.#observe);
    this.#pace = new HandshakePace<Arrival>(limits, {
      start: ({ connection }) => {
        // A socket is destroyed a little before it says so.
        if (!connection.destroyed) begin(connection);
      },
      giveUp: ({ connection }) => this.#refuse(connection, 'dropped-waiting'),
    });
    this.#server = createServer({
      // Nothing is read from who waits; HTTP without TLS ends its side of a connection itself.
      pauseOnConnect: true,
      allowHalfOpen: options.tls === undefined,
      noDelay: true,
    });
    this.#server.on('connection', (connection: Socket) => this.#arrived(connection));
  }

  /** Where it listens; undefined: nowhere yet. */
  get address(): AddressInfo | undefined {
    return (this.#server.address() as AddressInfo | null) ?? undefined;
  }

  /** Connections that are no WebSockets yet. */
  get handshakes(): number {
    return this.#arrivals.size;
  }

  /** How many of these wait for their handshake to begin. */
  get waiting(): number {
    return this.#pace.size;
  }

  /** @throws MosaicError `unavailable` with code `listen` */
  async listen(host: string, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause: Error) => {
        const message = `cannot listen on ${host} port ${port}: ${cause.message}`;
        reject(new MosaicError('unavailable', 'listen', message, { cause }));
      });
      this.#server.listen({ host, port }, resolve);
    });
    // From now on an error (no file descriptor left) concerns one connection, not the process.
    this.#server.on('error', () => this.#observe('refused-full'));
  }

  /**
   * The connection is a WebSocket.
   *
   * @param socket the connection, or the TLS socket over it
   * @returns the client's address
   */
  finished(socket: Socket): string {
    const arrival = this.#arrivals.find(socket);
    if (arrival === undefined) return normalizeAddress(socket.remoteAddress ?? '');
    this.#arrivals.finish(arrival);
    return arrival.address;
  }

  /** The client made a mistake in its handshake. @param socket as in {@link finished} */
  failed(socket: Socket, event: ListenerEvent): void {
    this.#observe(event);
    const arrival = this.#arrivals.find(socket);
    if (arrival?.isClient === true) this.#options.handshakeFailed?.(arrival.address);
  }

  /** Takes no further connections; resolves when all that came are gone. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** Ends all connections. */
  destroyAll(): void {
    this.#pace.close();
    this.#arrivals.destroyAll();
  }

  #arrived(connection: Socket): void {
    const { remoteAddress } = connection;
    // Gone before it was looked at.
    if (remoteAddress === undefined) {
      connection.destroy();
      return;
    }
    connection.on('error', ignore);
    const arrival = { connection, address: normalizeAddress(remoteAddress), isClient: false };
    if (this.#options.proxyFrom?.contains(arrival.address) === true) this.#askWhose(arrival);
    else this.#admit(arrival, arrival.address, () => this.#arrivals.add(arrival));
  }

  /** It comes from a balancer, who says for whom. */
  #askWhose(arrival: Arrival): void {
    const { connection } = arrival;
    this.#arrivals.add(arrival);
    receiveProxyHeader(connection, this.#limits.proxyHeaderTimeoutMs, {
      named: (source) => {
        // The balancer looks whether this server lives; it answers to nobody.
        if (source === undefined) this.#enqueue(arrival);
        else this.#admit(arrival, source, () => this.#arrivals.rename(arrival, source));
      },
      refused: () => this.#refuse(connection, 'refused-proxy'),
    });
  }

  #admit(arrival: Arrival, client: string, count: () => void): void {
    if (this.#options.arrives?.(client) === false) {
      this.#refuse(arrival.connection, 'refused-rate');
      return;
    }
    arrival.isClient = true;
    count();
    this.#enqueue(arrival);
  }

  #enqueue(arrival: Arrival): void {
    const { connection } = arrival;
    // Cut in favour of another, or gone.
    if (connection.destroyed) return;
    connection.once('close', () => this.#pace.remove(arrival));
    this.#pace.add(arrival, addressGroup(arrival.address));
  }

  #refuse(connection: Socket, event: ListenerEvent): void {
    this.#observe(event);
    connection.destroy();
  }
}

/** A connection that breaks before its handshake is nobody's business; it is closed already. */
function ignore(): void {}
