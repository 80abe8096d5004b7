/** Random values of the wire format for property tests: valid ones, and arbitrary bytes. */
import * as fc from 'fast-check';
import { publicKeyOf } from '../src/key.ts';
import { encodeKind, type Kind, type KindFields } from '../src/kind.ts';
import type { FilterElementInput } from '../src/filter-build.ts';
import type { RecordInput } from '../src/record-build.ts';
import type { TagInput } from '../src/tag.ts';
import { TIMESTAMP_MAX } from '../src/timestamp.ts';

/** Exactly `length` bytes. */
export function bytesOf(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

/** Seeds of a few people: few, so that properties meet the same key again. */
export const SECRET_KEYS: readonly Uint8Array[] = [1, 2, 3, 4].map((byte) =>
  new Uint8Array(32).fill(byte),
);
/** Their public keys. */
export const PUBLIC_KEYS: readonly Uint8Array[] = SECRET_KEYS.map(publicKeyOf);

/** A seed of one of the few people. */
export const secretKey: fc.Arbitrary<Uint8Array> = fc.constantFrom(...SECRET_KEYS);
/** A public key of one of the few people. */
export const publicKey: fc.Arbitrary<Uint8Array> = fc.constantFrom(...PUBLIC_KEYS);
/** Any timestamp, the ends of the range more often than by chance. */
export const timestamp: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: TIMESTAMP_MAX }),
  fc.constantFrom(0n, 1n, TIMESTAMP_MAX - 1n, TIMESTAMP_MAX),
);

/** The parts of any valid kind. */
export const kindFields: fc.Arbitrary<KindFields> = fc.record({
  applicationId: fc.nat({ max: 0xffff_ffff }),
  applicationKind: fc.nat({ max: 0xffff }),
  duplicateHandling: fc.constantFrom('unique', 'ephemeral', 'replaceable', 'versioned'),
  audience: fc.constantFrom('author-only', 'author-and-tagged', 'everybody'),
  printable: fc.boolean(),
});

/** Any valid kind. */
export const kind: fc.Arbitrary<Kind> = kindFields.map(encodeKind);

/** A tag from a small world, so that records and filters share some. */
export const smallTag: fc.Arbitrary<TagInput> = fc.record({
  type: fc.constantFrom(0, 1, 2, 0x24, 0xffff),
  value: fc.oneof(
    fc.constantFrom(new Uint8Array(0), Uint8Array.of(1), Uint8Array.of(1, 2, 3)),
    publicKey.map((key) => Uint8Array.of(0, 0, 0, 0, ...key)),
  ),
});

/** Any tag, some from the small world. */
export const tag: fc.Arbitrary<TagInput> = fc.oneof(
  smallTag,
  fc.record({ type: fc.nat({ max: 0xffff }), value: fc.uint8Array({ maxLength: 80 }) }),
);

/** What any small record is made from, its nonce included. */
export const recordInput: fc.Arbitrary<RecordInput> = fc.record({
  kind: fc.oneof(kind, fc.constant(encodeKind(sampleKind()))),
  timestamp,
  secretKey,
  author: publicKey,
  nonce: bytesOf(8),
  tags: fc.array(tag, { maxLength: 6 }),
  payload: fc.uint8Array({ maxLength: 100 }),
  zstd: fc.boolean(),
  fromAuthor: fc.boolean(),
});

function sampleKind(): KindFields {
  return {
    applicationId: 99,
    applicationKind: 1,
    duplicateHandling: 'unique',
    audience: 'everybody',
    printable: true,
  };
}

const aroundNow: fc.Arbitrary<bigint> = fc.bigInt({ min: 0n, max: 20n });

/** A filter element of any type, its entries from the same small world as the records. */
export function filterElement(
  idPrefix: fc.Arbitrary<Uint8Array>,
  time: fc.Arbitrary<bigint> = aroundNow,
): fc.Arbitrary<FilterElementInput> {
  const list = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(item, { maxLength: 4 });
  return fc.oneof(
    fc.record({ name: fc.constantFrom('authors', 'signingKeys'), keys: list(publicKey) }),
    fc.record({ name: fc.constant('kinds'), kinds: list(fc.constant(encodeKind(sampleKind()))) }),
    fc.record({ name: fc.constant('timestamps'), timestamps: list(time) }),
    fc.record({ name: fc.constantFrom('includedTags', 'excludedTags'), tags: list(smallTag) }),
    fc.record({ name: fc.constant('exclude'), idPrefixes: list(idPrefix) }),
    fc.record({
      name: fc.constantFrom('since', 'until', 'receivedSince', 'receivedUntil'),
      timestamp: time,
    }),
  );
}
