/**
 * The listener for clients with a key of their own: it asks for a client certificate and takes its
 * Ed25519 key as who the connection is. Clients without a certificate are anonymous.
 *
 * Node's TLS is what makes this possible: uWebSockets.js never asks for an Ed25519 certificate.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { MosaicError } from '@mosaic-cluster/protocol';
import { selfSignedKey } from '@mosaic-cluster/certificate';
import type { Listener, ListenerOptions } from './listener.ts';
import { openWsServer } from './ws-server.ts';

/**
 * Opens the listener; resolves when it listens.
 *
 * @throws MosaicError `invalid` with code `listener-tls` without a certificate; `unavailable` with
 *   code `listen` where host and port can't be had
 */
export async function openMtlsListener(options: ListenerOptions): Promise<Listener> {
  if (options.tls === undefined) {
    throw new MosaicError(
      'invalid',
      'listener-tls',
      'the listener for client certificates needs a certificate of its own',
    );
  }
  const keys = new WeakMap<Socket, Uint8Array>();
  return openWsServer(options, {
    // Not rejected by Node's rules, which look for an authority, but by ours below.
    tls: { requestCert: true, rejectUnauthorized: false },
    inspect(socket) {
      // A resumed session carries the certificate of the full handshake in its ticket.
      const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
      if (certificate !== undefined) keys.set(socket, selfSignedKey(certificate));
    },
    clientKey: (socket) => keys.get(socket),
  });
}
