/**
 * The connections of a Node server that are no WebSockets yet: counted apart from those that are,
 * so that silent ones cannot keep others out.
 */
import type { Socket } from 'node:net';
import { addressGroup, normalizeAddress } from '@mosaic-cluster/abuse';
import { type HandshakeBounds, HandshakeTable } from './handshake-table.ts';
import type { ListenerEvent } from './listener-events.ts';

/** Watches TCP connections from their arrival until they are WebSockets. */
export class WsArrivals {
  readonly #table: HandshakeTable<Socket>;
  readonly #observe: (event: ListenerEvent) => void;
  /** By their endpoints, which a TLS socket shares with the connection that it runs over. */
  readonly #byEndpoints = new Map<string, Socket>();
  /** Every TCP connection, shaking hands or upgraded, so that all can be ended. */
  readonly #all = new Set<Socket>();

  constructor(bounds: HandshakeBounds, observe: (event: ListenerEvent) => void) {
    this.#table = new HandshakeTable(bounds);
    this.#observe = observe;
  }

  /** Connections that are no WebSockets yet. */
  get size(): number {
    return this.#table.size;
  }

  /** A TCP connection came; it or another may be cut for it. */
  arrived(connection: Socket): void {
    const { remoteAddress } = connection;
    // Gone before it was looked at.
    if (remoteAddress === undefined) {
      connection.destroy();
      return;
    }
    const endpoints = endpointsOf(connection);
    this.#all.add(connection);
    this.#byEndpoints.set(endpoints, connection);
    connection.once('close', () => {
      this.#all.delete(connection);
      this.#table.remove(connection);
      if (this.#byEndpoints.get(endpoints) === connection) this.#byEndpoints.delete(endpoints);
    });
    const dropped = this.#table.add(connection, addressGroup(normalizeAddress(remoteAddress)));
    if (dropped === undefined) return;
    this.#observe(dropped.because);
    dropped.entry.destroy();
  }

  /** @param socket a connection that arrived, or the TLS socket over it; it is a WebSocket now */
  finished(socket: Socket): void {
    const endpoints = endpointsOf(socket);
    const connection = this.#byEndpoints.get(endpoints);
    if (connection === undefined) return;
    this.#byEndpoints.delete(endpoints);
    this.#table.remove(connection);
  }

  /** Ends all, whatever they have become. */
  destroyAll(): void {
    for (const connection of this.#all) connection.destroy();
  }
}

function endpointsOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress } = socket;
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
