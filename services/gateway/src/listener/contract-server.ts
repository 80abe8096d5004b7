/** The server's side of the listener contract: a listener whose handlers write down their calls. */
import { expect } from 'vitest';
import { connectClient, type ContractClient } from './contract-client.ts';
import type { ClientSocket, Listener, ListenerOptions } from './listener.ts';
import type { ListenerEvent } from './listener-events.ts';

/** Opens a server that is closed when the suite ends. */
export type Open = (
  reactions?: Reactions,
  options?: Partial<ListenerOptions>,
) => Promise<ContractServer>;

/** How the suite opens the implementation under test, and what that one cannot do. */
export interface ListenerFixture {
  readonly name: string;
  readonly tls: boolean;
  readonly open: (options: ListenerOptions) => Promise<Listener>;
  /** The shortest idle timeout that it keeps. */
  readonly idleTimeoutMs: number;
  /** Undefined: `handshakeTimeoutMs` counts. Else the fixed time after which handshakes end. */
  readonly handshakeFixedMs?: number;
  /** Whether it notices that a message is too large from the head of its first frame. */
  readonly refusesByHead: boolean;
  /** Whether it answers HTTP/1.0 at all. */
  readonly http10: boolean;
  /** Whether it reads headers of the PROXY protocol. */
  readonly readsProxy: boolean;
  /** Whether it knows of connections before their request, and of messages before their end. */
  readonly seesUnfinished: boolean;
}

/** One accepted connection and what its handler was told. */
export interface Accepted {
  readonly socket: ClientSocket;
  readonly messages: Buffer[];
  /** The names of the calls except `message`, and of what is asked again and again. */
  readonly calls: string[];
  /** Bytes of messages that were given up. */
  wasted: number;
}

/** What a test may have done within the handler's calls. */
export interface Reactions {
  accept?: (accepted: Accepted) => void;
  message?: (accepted: Accepted, bytes: Uint8Array) => void;
  tooLarge?: (accepted: Accepted) => void;
  mayReceive?: (accepted: Accepted) => boolean;
  crowdedOut?: (accepted: Accepted) => void;
  drained?: (accepted: Accepted) => void;
}

/** A listener under test. */
export interface ContractServer {
  readonly listener: Listener;
  readonly accepted: Accepted[];
  /** Without the course of things: that connections opened and ended in peace. */
  readonly events: ListenerEvent[];
  /** All of them. */
  readonly course: ListenerEvent[];
  readonly failures: unknown[];
}

const PEACEFUL: ReadonlySet<ListenerEvent> = new Set(['opened', 'left', 'closed']);

/** Opens the fixture's listener on a free port. */
export async function openContractServer(
  fixture: ListenerFixture,
  tls: ListenerOptions['tls'],
  options: Partial<ListenerOptions> = {},
  reactions: Reactions = {},
): Promise<ContractServer> {
  const accepted: Accepted[] = [];
  const events: ListenerEvent[] = [];
  const course: ListenerEvent[] = [];
  const failures: unknown[] = [];
  const listener = await fixture.open({
    host: '127.0.0.1',
    port: 0,
    tls: fixture.tls ? tls : undefined,
    page: 'A Mosaic server.\n\nIts key is <mosrv0test>.',
    observe(event) {
      course.push(event);
      if (!PEACEFUL.has(event)) events.push(event);
    },
    failed: (error) => failures.push(error),
    accept(socket) {
      const entry: Accepted = { socket, messages: [], calls: [], wasted: 0 };
      accepted.push(entry);
      reactions.accept?.(entry);
      return {
        message(bytes) {
          entry.messages.push(Buffer.from(bytes));
          reactions.message?.(entry, bytes);
        },
        text: () => void entry.calls.push('text'),
        tooLarge() {
          entry.calls.push('tooLarge');
          reactions.tooLarge?.(entry);
        },
        mayReceive: () => reactions.mayReceive?.(entry) ?? true,
        wasted(bytes) {
          entry.wasted += bytes;
        },
        crowdedOut() {
          entry.calls.push('crowdedOut');
          reactions.crowdedOut?.(entry);
        },
        drained() {
          entry.calls.push('drained');
          reactions.drained?.(entry);
        },
        closed: () => void entry.calls.push('closed'),
      };
    },
    ...options,
  });
  return { listener, accepted, events, course, failures };
}

/** Polls until the matcher holds; patient, because what is tested is that it comes to hold. */
export function eventually<T>(read: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(read, { timeout: 20_000 });
}

/** Connects a client and returns both ends. */
export async function pair(
  server: ContractServer,
): Promise<{ client: ContractClient; accepted: Accepted }> {
  const client = await connectClient(server.listener);
  const accepted = server.accepted.at(-1);
  if (accepted === undefined) throw new Error('the listener accepted nothing');
  return { client, accepted };
}
