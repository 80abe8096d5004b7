/** What must be known of a server before it can be checked, found out by asking it. */
import { connect as connectTls } from 'node:tls';
import { isIP } from 'node:net';
import { Duplex } from 'node:stream';
import { buildRecord, hexDecode, RESULT, timestampFromMillis } from '@mosaic-cluster/protocol';
import { CheckFailure } from './check.ts';
import { type Identity, newIdentity } from './identity.ts';
import { openConversation } from './open-conversation.ts';
import type { Target } from './target.ts';
import { openTcp } from './wire/socket.ts';
import { describeResult } from './expect.ts';
import { certificateRequestIn } from './wire/tls-handshake.ts';

/** A server and what it lets checks do. */
export interface ServerFacts {
  readonly target: Target;
  /** Another way to the same server. */
  readonly second: Target | undefined;
  /** Whether it asks for an Ed25519 client certificate; undefined: it could not be seen. */
  readonly asksForCertificate: boolean | undefined;
  /** Whether it serves everybody. */
  readonly isOpen: boolean;
  /** Users that it serves, where it does not serve everybody. */
  readonly registered: readonly Identity[];
  /** Names of extensions that it supports, as the user says. */
  readonly extensions: readonly string[];
}

/** Application 99, for examples; readable by everybody. */
const EXAMPLE_KIND = hexDecode('000000630000000c');

/** What the user says about the server. */
export type ServerHints = Pick<ServerFacts, 'target' | 'second' | 'registered' | 'extensions'>;

/**
 * Asks the server.
 *
 * @throws CheckFailure where it cannot be reached or does not answer a plain submission
 */
export async function findFacts(hints: ServerHints, timeoutMs: number): Promise<ServerFacts> {
  const isOpen = await isOpenToAll(hints.target, timeoutMs);
  const asksForCertificate = hints.target.isTls
    ? await asksForEd25519(hints.target, timeoutMs)
    : false;
  return { ...hints, isOpen, asksForCertificate };
}

async function isOpenToAll(target: Target, timeoutMs: number): Promise<boolean> {
  const conversation = await openConversation(target, { timeoutMs });
  try {
    const record = buildRecord({
      kind: EXAMPLE_KIND,
      timestamp: timestampFromMillis(Date.now() - 60_000),
      secretKey: newIdentity().secretKey,
      payload: new TextEncoder().encode('Checking this server for conformance.'),
    });
    const result = await conversation.submit(record);
    if (result === RESULT.ACCEPTED) return true;
    if (result === RESULT.UNAUTHORIZED || result === RESULT.REQUIRES_AUTHENTICATION) return false;
    throw new CheckFailure(`a first, valid record was answered with ${describeResult(result)}`);
  } finally {
    conversation.websocket.destroy();
  }
}

/**
 * Watches a TLS 1.2 handshake, where the server's request for a certificate is still in the clear.
 *
 * @returns undefined where the server speaks no TLS 1.2
 */
async function asksForEd25519(target: Target, timeoutMs: number): Promise<boolean | undefined> {
  const tcp = await openTcp(target, timeoutMs);
  const seen: Buffer[] = [];
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      tcp.write(chunk, () => done());
    },
    final(done) {
      tcp.end(() => done());
    },
  });
  tcp.on('data', (chunk: Buffer) => {
    seen.push(chunk);
    wire.push(chunk);
  });
  tcp.on('close', () => wire.push(null));
  const socket = connectTls({
    socket: wire,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
  });
  const isSecure = await new Promise<boolean>((resolve) => {
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
    socket.once('secureConnect', () => resolve(true));
    socket.setTimeout(timeoutMs, () => resolve(false));
  });
  socket.destroy();
  tcp.destroy();
  return isSecure ? certificateRequestIn(Buffer.concat(seen)).allowsEd25519 : undefined;
}
