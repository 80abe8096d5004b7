/**
 * The connections of a Node server that are no WebSockets yet: counted apart from those that are,
 * so that silent ones cannot keep others out; and whose they are.
 */
import type { Socket } from 'node:net';
import { addressGroup } from '@mosaic-cluster/abuse';
import { type HandshakeBounds, HandshakeTable } from './handshake-table.ts';
import type { ListenerEvent } from './listener-events.ts';

/** A connection on its way to become a WebSocket. */
export interface Arrival {
  readonly connection: Socket;
  /** The client's; of a connection behind a balancer the balancer's, until its header is read. */
  address: string;
  /** Whether {@link address} is one of a client, who answers for what becomes of it. */
  isClient: boolean;
}

/** Watches TCP connections from their arrival until they are WebSockets. */
export class WsArrivals {
  readonly #table: HandshakeTable<Arrival>;
  readonly #observe: (event: ListenerEvent) => void;
  /** By their endpoints, which a TLS socket shares with the connection that it runs over. */
  readonly #byEndpoints = new Map<string, Arrival>();
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

  /** Takes in a connection that is open; it or another may be cut for it. */
  add(arrival: Arrival): void {
    const { connection } = arrival;
    const endpoints = endpointsOf(connection);
    this.#all.add(connection);
    this.#byEndpoints.set(endpoints, arrival);
    connection.once('close', () => {
      this.#all.delete(connection);
      this.#table.remove(arrival);
      if (this.#byEndpoints.get(endpoints) === arrival) this.#byEndpoints.delete(endpoints);
    });
    this.#count(arrival);
  }

  /** It turned out whose the connection is. */
  rename(arrival: Arrival, address: string): void {
    this.#table.remove(arrival);
    arrival.address = address;
    this.#count(arrival);
  }

  /** @param socket a connection that is no WebSocket yet, or the TLS socket over it */
  find(socket: Socket): Arrival | undefined {
    return this.#byEndpoints.get(endpointsOf(socket));
  }

  /** The connection is a WebSocket now. */
  finish(arrival: Arrival): void {
    this.#byEndpoints.delete(endpointsOf(arrival.connection));
    this.#table.remove(arrival);
  }

  /** Ends all, whatever they have become. */
  destroyAll(): void {
    for (const connection of this.#all) connection.destroy();
  }

  #count(arrival: Arrival): void {
    const dropped = this.#table.add(arrival, addressGroup(arrival.address));
    if (dropped === undefined) return;
    this.#observe(dropped.because);
    dropped.entry.connection.destroy();
  }
}

function endpointsOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress } = socket;
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
