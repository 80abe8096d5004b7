/** TCP and TLS to a server, with a certificate of ours where one is wanted. */
import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { makeTlsIdentity, selfSignedKey } from '@mosaic-cluster/certificate';
import { hexEncode, type SecretKey } from '@mosaic-cluster/protocol';
import { CheckFailure } from '../check.ts';
import { isExpectedKey, type Target } from '../target.ts';

/** How a socket is opened where it is not opened as usual. */
export interface SocketOptions {
  /** Who we are: shown in a client certificate. */
  readonly secretKey?: SecretKey;
  /** On top of what is always set: versions, ciphers, certificates. */
  readonly tls?: ConnectionOptions;
  readonly timeoutMs: number;
}

/**
 * Connects, with TLS where the target has it, and checks the server's key.
 *
 * @throws CheckFailure where nobody answers in time or another key is shown
 */
export async function openSocket(target: Target, options: SocketOptions): Promise<Duplex> {
  return target.isTls ? openTls(target, options) : openTcp(target, options.timeoutMs);
}

/** Opens TCP only. */
export async function openTcp(target: Target, timeoutMs: number): Promise<Socket> {
  const socket = connectTcp({ host: target.host, port: target.port, noDelay: true });
  await established(socket, 'connect', target, timeoutMs);
  return socket;
}

/** Opens TLS and checks the server's key. */
export async function openTls(target: Target, options: SocketOptions): Promise<TLSSocket> {
  const identity = options.secretKey && makeTlsIdentity(options.secretKey);
  const socket = connectTls({
    host: target.host,
    port: target.port,
    // Keys are compared instead: a self-signed certificate has no chain.
    rejectUnauthorized: target.serverKey === undefined,
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
    ...options.tls,
  });
  await established(socket, 'secureConnect', target, options.timeoutMs);
  socket.setNoDelay(true);
  if (target.serverKey !== undefined) checkServerKey(socket, target);
  return socket;
}

function checkServerKey(socket: TLSSocket, target: Target): void {
  const certificate = socket.getPeerX509Certificate();
  const key = certificate && selfSignedKey(certificate);
  if (key !== undefined && isExpectedKey(target, key)) return;
  socket.destroy();
  const shown = key === undefined ? 'no certificate' : `the key ${hexEncode(key)}`;
  throw new CheckFailure(`${target.url} shows ${shown}, not the expected server key`);
}

async function established(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  target: Target,
  timeoutMs: number,
): Promise<void> {
  try {
    await once(socket, event, { signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    socket.destroy();
    const isTimeout = error instanceof Error && error.name === 'AbortError';
    const why = isTimeout ? `no answer within ${timeoutMs} ms` : (error as Error).message;
    throw new CheckFailure(`cannot connect to ${target.url}: ${why}`, { cause: error });
  }
  // Whoever uses the socket sees its end; an error without a listener would end the process.
  socket.on('error', () => {});
}
