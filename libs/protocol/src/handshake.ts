/**
 * The values that client and server exchange in the HTTP upgrade, as pure functions over header
 * text. `mosaic2024` is what the server speaks; `mosaic2025` has its values here so that a later
 * handshake needs no new parser.
 *
 * Source: Mosaic specification 0.8.0, "WebSockets".
 */
import { base64Decode, base64Encode } from './bytes.ts';
import { MosaicError } from './error.ts';
import { decodeUserKey, encodeUserKey } from './human.ts';
import type { PublicKey } from './key.ts';
import { signPlain, verifyPlain } from './signature.ts';

/** The WebSocket subprotocol that a `mosaic2024` client must offer. */
export const SUBPROTOCOL_2024 = 'mosaic2024';
/** The WebSocket subprotocol of the newer handshake. */
export const SUBPROTOCOL_2025 = 'mosaic2025';

/** Header names, lower case, as servers receive them. */
export const HEADER = {
  extensions: 'x-mosaic-extensions',
  /** A misspelling in the specification's own examples; read, never written. */
  extensionsMisspelt: 'x-mosiac-extensions',
  serviceUrl: 'x-mosaic-service-url',
  versions: 'x-mosaic-versions',
  version: 'x-mosaic-version',
  features: 'x-mosaic-features',
  featuresAccepted: 'x-mosaic-features-accepted',
  authenticateAs: 'x-mosaic-authenticate-as',
  serverAuthenticateNonce: 'x-mosaic-server-authenticate-nonce',
  serverAuthentication: 'x-mosaic-server-authentication',
  clientAuthenticateNonce: 'x-mosaic-client-authenticate-nonce',
} as const;

/** Most names read from a list header; what follows is ignored. */
const LIST_NAMES_MAX = 64;

function splitList(value: string, separator: string): string[] {
  return value
    .split(separator, LIST_NAMES_MAX)
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/**
 * Picks the subprotocol to answer with.
 *
 * @param offered the `Sec-WebSocket-Protocol` request header, or undefined where it is absent
 * @param supported what the server speaks, most wanted first
 * @returns the first supported name that the client offers; undefined: refuse with HTTP 400
 */
export function chooseSubprotocol(
  offered: string | undefined,
  supported: readonly string[] = [SUBPROTOCOL_2024],
): string | undefined {
  if (offered === undefined) return undefined;
  const names = splitList(offered, ',');
  return supported.find((name) => names.includes(name));
}

/**
 * The extensions a client asks for, in its order, each once.
 *
 * @param value the `X-Mosaic-Extensions` header (`;` between names); `-` means none
 */
export function parseExtensions(value: string): string[] {
  return [...new Set(splitList(value, ';'))].filter((name) => name !== '-');
}

/**
 * The server's `X-Mosaic-Extensions` answer: the supported ones in the client's order, `-` where
 * none is left, undefined (send no header) where the client sent none.
 */
export function answerExtensions(
  requested: string | undefined,
  supported: readonly string[] = [],
): string | undefined {
  if (requested === undefined) return undefined;
  const accepted = parseExtensions(requested).filter((name) => supported.includes(name));
  return accepted.length === 0 ? '-' : accepted.join(';');
}

/** What a `mosaic2025` client says in its request headers. */
export interface Hello2025 {
  /** Major versions that the client speaks. */
  readonly versions: readonly number[];
  readonly features: readonly string[];
  /** The key that the client wants to be, where it wants to authenticate. */
  readonly authenticateAs: PublicKey | undefined;
  /** ASCII; the server signs it to prove its key. */
  readonly serverNonce: string | undefined;
}

const ASCII_VISIBLE = /^[\x21-\x7e]{1,256}$/;

/**
 * Reads the `mosaic2025` request headers.
 *
 * @param header looks up a header by its lower-case name
 * @throws MosaicError `invalid` with code `handshake` naming the header that cannot be read
 */
export function parseHello2025(header: (name: string) => string | undefined): Hello2025 {
  const versions = splitList(header(HEADER.versions) ?? '', ',').map((text) => {
    if (!/^\d{1,5}$/.test(text)) throw badHeader(HEADER.versions, `"${text}" is no version number`);
    return Number(text);
  });
  const as = header(HEADER.authenticateAs);
  const serverNonce = header(HEADER.serverAuthenticateNonce);
  if (serverNonce !== undefined && !ASCII_VISIBLE.test(serverNonce)) {
    throw badHeader(HEADER.serverAuthenticateNonce, 'it must be 1 to 256 visible ASCII characters');
  }
  return {
    versions,
    features: splitList(header(HEADER.features) ?? '', ','),
    authenticateAs: as === undefined ? undefined : decodeUserKey(as),
    serverNonce,
  };
}

/** The request headers of a `mosaic2025` client. */
export function formatHello2025(hello: Hello2025): Record<string, string> {
  const headers: Record<string, string> = {
    [HEADER.versions]: hello.versions.join(','),
    [HEADER.features]: hello.features.join(','),
  };
  if (hello.authenticateAs) headers[HEADER.authenticateAs] = encodeUserKey(hello.authenticateAs);
  if (hello.serverNonce !== undefined) {
    headers[HEADER.serverAuthenticateNonce] = hello.serverNonce;
  }
  return headers;
}

/** What a server answers to a {@link Hello2025}. */
export interface Answer2025 {
  readonly version: number;
  readonly features: readonly string[];
  /** Plain Ed25519 signature of the client's nonce by the server key, base64. */
  readonly serverAuthentication: string | undefined;
  /** ASCII; present where the client asked to authenticate. */
  readonly clientNonce: string | undefined;
  readonly serviceUrl: string | undefined;
}

/** The response headers of a `mosaic2025` server. */
export function formatAnswer2025(answer: Answer2025): Record<string, string> {
  const headers: Record<string, string> = {
    [HEADER.version]: String(answer.version),
    [HEADER.featuresAccepted]: answer.features.join(','),
  };
  if (answer.serverAuthentication !== undefined) {
    headers[HEADER.serverAuthentication] = answer.serverAuthentication;
  }
  if (answer.clientNonce !== undefined) {
    headers[HEADER.clientAuthenticateNonce] = answer.clientNonce;
  }
  if (answer.serviceUrl !== undefined) headers[HEADER.serviceUrl] = answer.serviceUrl;
  return headers;
}

/**
 * Reads the `mosaic2025` response headers.
 *
 * @throws MosaicError `invalid` with code `handshake` naming the header that cannot be read
 */
export function parseAnswer2025(header: (name: string) => string | undefined): Answer2025 {
  const version = header(HEADER.version) ?? '';
  if (!/^\d{1,5}$/.test(version)) throw badHeader(HEADER.version, 'it must be a version number');
  return {
    version: Number(version),
    features: splitList(header(HEADER.featuresAccepted) ?? '', ','),
    serverAuthentication: header(HEADER.serverAuthentication),
    clientNonce: header(HEADER.clientAuthenticateNonce),
    serviceUrl: header(HEADER.serviceUrl),
  };
}

/** The server's proof of its key: base64 of its plain Ed25519 signature over the nonce's ASCII. */
export function proveServerKey(nonce: string, serverSecret: Uint8Array): string {
  return base64Encode(signPlain(new TextEncoder().encode(nonce), serverSecret));
}

/** Whether `proof` is the signature of `nonce` by `serverKey`. False for anything malformed. */
export function checkServerProof(nonce: string, proof: string, serverKey: PublicKey): boolean {
  const signature = base64Decode(proof);
  if (signature === undefined || signature.length !== 64) return false;
  return verifyPlain(signature, new TextEncoder().encode(nonce), serverKey);
}

function badHeader(name: string, why: string): MosaicError {
  return new MosaicError('invalid', 'handshake', `header ${name}: ${why}`);
}
