/** People and what they publish, for tests: real keys, real signatures, made quickly. */
import {
  attestSubkey,
  buildKeySchedule,
  buildRecord,
  coreTag,
  encodeKind,
  type KeyMarkerName,
  type Kind,
  type KindFields,
  type PublicKey,
  publicKeyOf,
  type RecordInput,
  type RecordView,
  type SecretKey,
  type TagInput,
} from '@mosaic-cluster/protocol';
import { nativeSigningTools } from '@mosaic-cluster/verifier';

const tools = await nativeSigningTools();

/** A key pair. */
export interface Person {
  readonly secret: SecretKey;
  readonly key: PublicKey;
}

/** A key pair that is the same for the same number. */
export function person(n: number): Person {
  const secret = new Uint8Array(32).fill(n + 1);
  return { secret, key: publicKeyOf(secret) };
}

/** A kind of the application for examples: public and unique where nothing else is said. */
export function kind(fields: Partial<KindFields> = {}): Kind {
  return encodeKind({
    applicationId: 99,
    applicationKind: 1,
    duplicateHandling: 'unique',
    audience: 'everybody',
    printable: false,
    ...fields,
  });
}

/** A moment that lies a while back: 2025 and `n` nanoseconds. */
export function moment(n: number): bigint {
  return 1_750_000_000_000_000_000n + BigInt(n);
}

/** 8 bytes; records with the same number, kind and author share an address. */
export function nonce(n: number): Uint8Array {
  return Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, n);
}

/** A record signed by `author`, or by `signer` in the author's name; the same for the same input. */
export function record(
  author: Person,
  input: Partial<RecordInput> & { readonly signer?: Person } = {},
): RecordView {
  const { signer = author, ...rest } = input;
  const whole = { kind: kind(), timestamp: moment(0), nonce: nonce(0), ...rest };
  return buildRecord({ ...whole, secretKey: signer.secret, author: author.key }, tools);
}

/** A tag that notifies somebody; `odd` puts something into its reserved bytes. */
export function notify(whom: Person, odd = false): TagInput {
  const tag = coreTag({ name: 'notify', key: whom.key });
  const value = Uint8Array.from(tag.value);
  if (odd) value[1] = 7;
  return { type: tag.type, value };
}

/** A subkey in a schedule. */
export interface ListedKey {
  readonly subkey: Person;
  readonly marker: KeyMarkerName;
  readonly revokedAt?: bigint;
}

/** A key schedule of `master`. Schedules with the same nonce number share an address. */
export function schedule(
  master: Person,
  timestamp: bigint,
  keys: readonly ListedKey[],
  nonceNumber = 0,
): RecordView {
  return buildKeySchedule({
    masterSecretKey: master.secret,
    timestamp,
    nonce: nonce(nonceNumber),
    entries: keys.map(({ subkey, marker, revokedAt }) => ({
      marker,
      attestation: attestationOf(subkey, master),
      ...(revokedAt === undefined ? {} : { revokedAt }),
    })),
  });
}

const attestations = new Map<string, Uint8Array>();

/** Signing takes a millisecond: each attestation is made once. */
function attestationOf(subkey: Person, master: Person): Uint8Array {
  const name = `${subkey.secret[0]} ${master.secret[0]}`;
  const known = attestations.get(name) ?? attestSubkey(subkey.secret, master.key);
  attestations.set(name, known);
  return known;
}
