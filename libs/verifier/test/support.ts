/** Records, golden vectors and odd signatures that several tests of this package share. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  asPublicKey,
  buildRecord,
  concatBytes,
  hexDecode,
  KNOWN_KINDS,
  RecordView,
  signatureDomain,
} from '@mosaic-cluster/protocol';
import type { Sodium } from '../src/sodium.ts';

/** A case of any vector file; which fields there are depends on the file. */
export interface VectorCase {
  readonly name: string;
  readonly type?: string;
  readonly class: string;
  readonly spec: string;
  readonly step?: string;
  readonly public: string;
  readonly bytes?: string;
  readonly prehash: string;
  readonly signature: string;
  readonly record?: string;
  readonly record_parts?: readonly { hex?: string; repeat?: string; len?: number }[];
}

/** The cases of a file of golden vectors, which the protocol library keeps. */
export function vectors(name: string): readonly VectorCase[] {
  const url = new URL(`../../protocol/vectors/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { cases: VectorCase[] }).cases;
}

/** The record of a case, given whole or as parts to concatenate. */
export function recordBytesOf({ record, record_parts: parts }: VectorCase): Uint8Array {
  if (record !== undefined) return hexDecode(record);
  return concatBytes(
    ...(parts ?? []).map(({ hex, repeat, len }) => {
      if (hex !== undefined) return hexDecode(hex);
      const pattern = hexDecode(repeat ?? '');
      return Uint8Array.from({ length: len ?? 0 }, (_, i) => pattern[i % pattern.length] ?? 0);
    }),
  );
}

/** A valid record that differs with `seed` and carries `text`. */
export function validRecord(seed: number, text = 'text'): RecordView {
  return buildRecord({
    kind: KNOWN_KINDS['microblog-root'],
    timestamp: 1_700_000_000_000_000_000n + BigInt(seed),
    secretKey: new Uint8Array(32).fill(1 + (seed % 5)),
    nonce: new Uint8Array(8).fill(seed),
    payload: new TextEncoder().encode(text),
  });
}

/** A copy of a record with one bit of its signature changed. */
export function forged(record: RecordView): RecordView {
  const bytes = record.bytes.slice();
  flipBit(bytes, (record.signedEnd + 40) * 8);
  return new RecordView(bytes);
}

/** Changes one bit. */
export function flipBit(bytes: Uint8Array, bit: number): void {
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
}

/** The neutral element. */
export const NEUTRAL: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0));

/** The order of the base point. */
export const L: bigint = 2n ** 252n + 27742317777372353535851937790883648493n;
const P = 2n ** 255n - 19n;

/** The 8 points of small order; the n-th is n times the second. */
export const TORSION: readonly Uint8Array[] = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  '0000000000000000000000000000000000000000000000000000000000000000',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
].map((hex) => hexDecode(hex));

/** Little-endian bytes of a number. */
export function bytesOf(value: bigint, length = 32): Uint8Array {
  let rest = value;
  return Uint8Array.from({ length }, () => {
    const byte = Number(rest & 0xffn);
    rest >>= 8n;
    return byte;
  });
}

/** The number that little-endian bytes stand for. */
export function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** The non-canonical encodings: y from p on, and y of 1 and −1 with a sign that x = 0 cannot have. */
export function nonCanonicalPoints(): Uint8Array[] {
  const withoutSign = Array.from({ length: 19 }, (_, i) => bytesOf(P + BigInt(i)));
  const both = withoutSign.flatMap((bytes) => [bytes, withSign(bytes)]);
  return [...both, withSign(bytesOf(1n)), withSign(bytesOf(P - 1n))];
}

function withSign(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy[31] = (copy[31] ?? 0) | 0x80;
  return copy;
}

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  return createHash('sha512')
    .update(concatBytes(...parts))
    .digest();
}

/** A signature, with what it is over and by whom. */
export interface Signed {
  readonly signature: Uint8Array;
  readonly prehash: Uint8Array;
  readonly key: Uint8Array;
}

/**
 * A signature that the cofactored equation accepts, whose key and R were shifted by points of
 * small order before k was computed from them.
 *
 * @param keyShift which of {@link TORSION} is added to the key
 * @param rShift which of {@link TORSION} is added to R
 * @param r the secret number behind R; 0 makes R a point of small order
 * @param rBytes stands in R's place, also where k is computed from it
 * @param forT makes a false signature instead: S·B − R is −(k + 2t)·A
 * @param prehash what is signed; made from the seed where it is not given
 */
export function craft(
  sodium: Sodium,
  {
    seed,
    keyShift,
    rShift,
    r,
    rBytes,
    forT,
    prehash = sha512(Uint8Array.of(seed, rShift)),
  }: {
    seed: number;
    keyShift: number;
    rShift: number;
    r?: bigint;
    rBytes?: Uint8Array;
    forT?: bigint;
    prehash?: Uint8Array;
  },
): Signed {
  const secret = sha512(new Uint8Array(32).fill(seed)).subarray(0, 32);
  const a = numberOf(secret) % L;
  const rNumber = r ?? numberOf(sha512(prehash)) % L;
  const key = shifted(sodium, timesBase(sodium, a), keyShift);
  const R = rBytes ?? shifted(sodium, timesBase(sodium, rNumber), rShift);
  const k = numberOf(sha512(signatureDomain(), R, key, prehash)) % L;
  const factor = forT === undefined ? k : 2n * L - ((k + 2n * forT) % L);
  return { signature: concatBytes(R, bytesOf((rNumber + factor * a) % L)), prehash, key };
}

/** A valid record whose key was shifted by a point of small order: only the exact check takes it. */
export function mixedOrderRecord(sodium: Sodium): RecordView {
  const shape = { seed: 1, keyShift: 1, rShift: 0 };
  return buildRecord(
    {
      kind: KNOWN_KINDS['microblog-root'],
      timestamp: 1_700_000_000_000_000_000n,
      secretKey: new Uint8Array(32),
      nonce: new Uint8Array(8),
    },
    {
      publicKeyOf: () => asPublicKey(craft(sodium, shape).key),
      sign: (prehash) => craft(sodium, { ...shape, prehash }).signature,
    },
  );
}

function timesBase(sodium: Sodium, scalar: bigint): Uint8Array {
  if (scalar === 0n) return NEUTRAL;
  const point = new Uint8Array(32);
  sodium.crypto_scalarmult_ed25519_base_noclamp(point, bytesOf(scalar));
  return point;
}

function shifted(sodium: Sodium, point: Uint8Array, torsion: number): Uint8Array {
  const sum = new Uint8Array(32);
  sodium.crypto_core_ed25519_add(sum, point, TORSION[torsion] ?? NEUTRAL);
  return sum;
}
