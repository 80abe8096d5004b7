/**
 * A TLS hello in an old version, written by hand: the TLS library of this machine may itself refuse
 * to speak one, which would say nothing about the server.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';

/** Version numbers on the wire (RFC 2246, RFC 4346). */
export const OLD_VERSION = { TLSv1: 0x0301, 'TLSv1.1': 0x0302 } as const;

/** Suites of those versions: ECDHE and RSA with AES in CBC mode, signed by ECDSA or RSA. */
const SUITES = [0xc009, 0xc00a, 0xc013, 0xc014, 0x002f, 0x0035];
/** TLS record types. */
const RECORD = { alert: 21, handshake: 22 } as const;

function u16(...numbers: readonly number[]): Buffer {
  return Buffer.from(numbers.flatMap((number) => [number >> 8, number & 0xff]));
}

function withLength(bytes: Buffer, lengthBytes: number): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(bytes.length, 0, lengthBytes);
  return Buffer.concat([length, bytes]);
}

function extension(type: number, body: Buffer): Buffer {
  return Buffer.concat([u16(type), withLength(body, 2)]);
}

function clientHello(version: number): Buffer {
  const extensions = Buffer.concat([
    // Groups: x25519, P-256. Point format: uncompressed.
    extension(10, withLength(u16(0x001d, 0x0017), 2)),
    extension(11, withLength(Buffer.of(0), 1)),
  ]);
  const body = Buffer.concat([
    u16(version),
    randomBytes(32),
    Buffer.of(0),
    withLength(u16(...SUITES), 2),
    withLength(Buffer.of(0), 1),
    withLength(extensions, 2),
  ]);
  const message = Buffer.concat([Buffer.of(1), withLength(body, 3)]);
  return Buffer.concat([Buffer.of(RECORD.handshake), u16(0x0301), withLength(message, 2)]);
}

/**
 * Whether a server goes on with a handshake in an old version; an alert or the end of the
 * connection is a refusal. The socket is used up.
 *
 * @throws the reason of the timeout where the server says nothing
 */
export async function speaksOldTls(
  socket: Socket,
  version: keyof typeof OLD_VERSION,
  timeoutMs: number,
): Promise<boolean> {
  const signal = AbortSignal.timeout(timeoutMs);
  const ended = once(socket, 'close', { signal }).then(() => undefined);
  const answered = once(socket, 'data', { signal }).then(([chunk]) => chunk as Buffer);
  socket.write(clientHello(OLD_VERSION[version]));
  try {
    const first = await Promise.race([answered, ended]);
    return first?.[0] === RECORD.handshake;
  } finally {
    answered.catch(() => {});
    ended.catch(() => {});
    socket.destroy();
  }
}
