/**
 * The header that a balancer puts in front of a connection to say whose it is: the PROXY protocol,
 * version 1 (a line of text) and version 2 (binary). Strict, because what it says decides who pays.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { normalizeAddress } from '@mosaic-cluster/abuse';

/** What a beginning of a connection turned out to be. */
export type ProxyHeader =
  /** A header, `length` bytes long; `source` is undefined where the balancer speaks for itself. */
  | { readonly what: 'header'; readonly length: number; readonly source: string | undefined }
  /** The beginning of a header: more bytes are needed. */
  | { readonly what: 'part' }
  /** No header, whatever may come. */
  | { readonly what: 'broken' };

/** The longest line of version 1, its end included. */
const V1_BYTES_MAX = 107;
const V1_BEGIN = Buffer.from('PROXY ');
const V1_END = Buffer.from('\r\n');
const V2_BEGIN = Buffer.from('\r\n\r\n\0\r\nQUIT\n');
const V2_HEAD_BYTES = 16;
/** Longest rest of version 2: addresses take 36 bytes, and no balancer adds as much as this. */
const V2_REST_BYTES_MAX = 1024;
/** A port, written without needless zeros. */
const PORT = /^(0|[1-9]\d{0,4})$/;

const PART: ProxyHeader = { what: 'part' };
const BROKEN: ProxyHeader = { what: 'broken' };

/** No header is longer than this. */
export const PROXY_HEADER_BYTES_MAX: number = V2_HEAD_BYTES + V2_REST_BYTES_MAX;

/**
 * Reads the header at the beginning of `bytes`; what follows it is not looked at.
 *
 * @returns for every longer input with the same beginning the same, once it is not `part`
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (beginsWith(bytes, V2_BEGIN)) return readVersion2(bytes);
  if (beginsWith(bytes, V1_BEGIN)) return readVersion1(bytes);
  return BROKEN;
}

/** As far as there are bytes. */
function beginsWith(bytes: Buffer, begin: Buffer): boolean {
  const length = Math.min(bytes.length, begin.length);
  return bytes.subarray(0, length).equals(begin.subarray(0, length));
}

function readVersion1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf(V1_END);
  if (end < 0) return bytes.length < V1_BYTES_MAX ? PART : BROKEN;
  const length = end + V1_END.length;
  const [, family, source = '', target = '', ...ports] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  // What follows on UNKNOWN is to be ignored.
  if (family === 'UNKNOWN') return { what: 'header', length, source: undefined };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : undefined;
  if (isAddress === undefined || !isAddress(source) || !isAddress(target)) return BROKEN;
  if (ports.length !== 2 || !ports.every(isPort)) return BROKEN;
  return { what: 'header', length, source: normalizeAddress(source) };
}

/** Without a zone, which says something only on the machine that wrote it. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function isPort(text: string): boolean {
  return PORT.test(text) && Number(text) <= 65_535;
}

function readVersion2(bytes: Buffer): ProxyHeader {
  if (bytes.length < V2_HEAD_BYTES) return PART;
  const restBytes = bytes.readUInt16BE(14);
  if (restBytes > V2_REST_BYTES_MAX) return BROKEN;
  const command = bytes[12];
  const isLocal = command === 0x20;
  if (!isLocal && command !== 0x21) return BROKEN;
  const family = bytes[13] ?? 0;
  const addressBytes =
    isLocal || family === 0 ? 0 : family === 0x11 ? 4 : family === 0x21 ? 16 : -1;
  // Both addresses and both ports; datagrams and local sockets are no connections of clients.
  if (addressBytes < 0 || (addressBytes > 0 && restBytes < addressBytes * 2 + 4)) return BROKEN;
  const length = V2_HEAD_BYTES + restBytes;
  if (bytes.length < length) return PART;
  const source = bytes.subarray(V2_HEAD_BYTES, V2_HEAD_BYTES + addressBytes);
  return { what: 'header', length, source: addressBytes === 0 ? undefined : addressText(source) };
}

/** An address of 4 or 16 bytes. */
function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  return normalizeAddress(bytes.toString('hex').replace(/(?<=.)(?=(?:.{4})+$)/g, ':'));
}
