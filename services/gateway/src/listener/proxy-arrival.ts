/** Takes a balancer's header off the beginning of a connection that nobody has read from yet. */
import type { Socket } from 'node:net';
import { readProxyHeader } from './proxy-header.ts';

/** What came of it. A connection that ended by itself comes to nothing. */
export interface ProxyOutcomes {
  /** The header is gone, what follows it can be read; `source` as in `ProxyHeader`. */
  readonly named: (source: string | undefined) => void;
  /** What came is no header, or it did not come in time. */
  readonly refused: () => void;
}

/** Reads until the header is complete; `connection` is paused, and is so again in the end. */
export function receiveProxyHeader(
  connection: Socket,
  timeoutMs: number,
  { named, refused }: ProxyOutcomes,
): void {
  // A header's part is shorter than the longest header.
  let bytes: Buffer = Buffer.alloc(0);
  const look = (): void => {
    const piece = connection.read() as Buffer | null;
    if (piece === null) return;
    bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece]);
    const header = readProxyHeader(bytes);
    if (header.what === 'part') return;
    stop();
    if (header.what === 'broken') {
      refused();
      return;
    }
    if (header.length < bytes.length) connection.unshift(bytes.subarray(header.length));
    named(header.source);
  };
  const leave = (): void => void connection.destroy();
  const timer = setTimeout(() => {
    stop();
    refused();
  }, timeoutMs);
  const stop = (): void => {
    clearTimeout(timer);
    connection.off('readable', look).off('end', leave).off('close', stop);
  };
  connection.on('readable', look).on('end', leave).on('close', stop);
}
