/**
 * TLS as Mosaic uses it: each side is an Ed25519 key, shown in a self-signed certificate. Names and
 * dates in certificates are not looked at.
 */
import { isIP } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { makeTlsIdentity, selfSignedKey } from '@mosaic-cluster/certificate';
import { isMosaicError, MosaicError, type PublicKey } from '@mosaic-cluster/protocol';
import type { TransportTarget } from './transport.ts';

/** A connection whose peer is known. */
export interface TlsConnection {
  readonly socket: TLSSocket;
  /** The key of the server's certificate; undefined where certificate authorities decided. */
  readonly serverKey: PublicKey | undefined;
}

/**
 * Connects and lets `target.checkServerKey` decide on the server's key.
 *
 * @throws MosaicError `unavailable` with code `connect` or `invalid` with code `server-certificate`;
 *   what `checkServerKey` throws; the reason of the signal
 */
export async function connectTls(target: TransportTarget): Promise<TlsConnection> {
  const socket = connect(tlsOptions(target));
  // Errors after the handshake belong to whoever reads the socket then.
  socket.on('error', () => {});
  try {
    await untilSecure(socket, target);
    return { socket, serverKey: checkServer(socket, target) };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function tlsOptions(target: TransportTarget): ConnectionOptions {
  const { hostname, port } = new URL(target.url);
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  const identity = target.secretKey && makeTlsIdentity(target.secretKey);
  return {
    host,
    port: port === '' ? 443 : Number(port),
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    // A self-signed certificate has no chain to check: its key is compared instead.
    rejectUnauthorized: target.checkServerKey === undefined,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
  };
}

function untilSecure(socket: TLSSocket, target: TransportTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      target.signal?.removeEventListener('abort', abort);
    };
    const fail = (why: string, cause?: unknown): void => {
      settle();
      const message = `cannot connect to ${target.url}: ${why}`;
      reject(new MosaicError('unavailable', 'connect', message, { cause }));
    };
    const abort = (): void => {
      settle();
      reject(target.signal?.reason as Error);
    };
    const timer = setTimeout(() => fail('no answer in time'), target.timeoutMs);
    target.signal?.addEventListener('abort', abort);
    socket.once('secureConnect', () => {
      settle();
      resolve();
    });
    socket.once('error', (error) => fail(error.message, error));
    socket.once('close', () => fail('the server ended the TLS handshake'));
  });
}

function checkServer(socket: TLSSocket, target: TransportTarget): PublicKey | undefined {
  if (target.checkServerKey === undefined) return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw badCertificate(target, 'it showed none', undefined);
  let key: PublicKey;
  try {
    key = selfSignedKey(certificate);
  } catch (error) {
    throw badCertificate(target, isMosaicError(error) ? error.message : 'unreadable', error);
  }
  target.checkServerKey(key);
  return key;
}

function badCertificate(target: TransportTarget, why: string, cause: unknown): MosaicError {
  return new MosaicError(
    'invalid',
    'server-certificate',
    `${target.url} does not show a Mosaic server's certificate (${why}); where it has one of a ` +
      'certificate authority, connect with certificateAuthorities instead of a server key',
    { cause },
  );
}
