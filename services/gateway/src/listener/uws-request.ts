/** What the gateway reads of a request that uWebSockets.js took, and how it answers one. */
import type { HttpRequest as NativeRequest, HttpResponse as NativeResponse } from 'uWebSockets.js';
import { normalizeAddress } from '@mosaic-cluster/abuse';
import type { HttpRequest, HttpResponse } from './http-answer.ts';
import { eachHeader } from './uws-module.ts';

/** Where a request came from. */
export interface UwsPeer {
  /** The other end of the connection. */
  readonly address: string;
  /** Whether a header of the PROXY protocol in front of the request claims something else. */
  readonly claimed: boolean;
}

/** Sends an answer and ends the connection. */
export function respond(response: NativeResponse, answer: HttpResponse): void {
  response.writeStatus(`${answer.status} ${answer.statusText}`);
  for (const [name, value] of Object.entries(answer.headers)) response.writeHeader(name, value);
  response.end(answer.body, true);
}

/** Binaries are built with the PROXY protocol, version 2, or without. */
type Response = Pick<NativeResponse, 'getRemoteAddressAsText'> &
  Partial<Pick<NativeResponse, 'getProxiedRemoteAddressAsText'>>;

/** What the library knows of the connection. */
export function peerOf(response: Response): UwsPeer {
  const named = response.getProxiedRemoteAddressAsText?.() ?? new ArrayBuffer(0);
  const address = Buffer.from(response.getRemoteAddressAsText()).toString('latin1');
  return { address: normalizeAddress(address), claimed: named.byteLength > 0 };
}

/** The request as `answerRequest` wants it. The library speaks HTTP/1.1 only. */
export function describeRequest(request: NativeRequest): HttpRequest & { headBytes: number } {
  const headers = new Map<string, string>();
  let headBytes = request.getUrl().length;
  eachHeader(request, (name, value) => {
    headBytes += name.length + value.length;
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  });
  return {
    method: request.getMethod(),
    path: request.getUrl(),
    httpVersion: '1.1',
    headBytes,
    header: (name) => headers.get(name),
  };
}
