/**
 * Chooses the fastest parts that this machine has: libsodium for signatures and keys, WebAssembly
 * for the hash, and the protocol library's own code for whatever does not load.
 */
import {
  h64,
  type HashFunction,
  isMosaicError,
  MosaicError,
  publicKeyFault,
  publicKeyOf,
  signPrehash,
  type ValidationTools,
  verifyPrehash,
} from '@mosaic-cluster/protocol';
import { createFastHash } from './fast-hash.ts';
import { keyFaultWith, KnownKeys } from './native-key.ts';
import { NativeSignatureCheck, verifyWith } from './native-signature.ts';
import { type NativeSigningTools, signingToolsWith } from './native-signing.ts';
import { testNativeSignature } from './self-test.ts';
import { loadSodium, type Sodium } from './sodium.ts';

/** How signatures are checked: `native` in libsodium, `exact` in plain JavaScript. */
export type VerifierKind = 'native' | 'exact';

/** A set of validation tools and what they are. For one thread: the parts have scratch space. */
export interface VerificationTools {
  readonly kind: VerifierKind;
  readonly tools: Required<ValidationTools>;
  /** What did not load and was replaced by slower code: code `native-module` or `fast-hash`. */
  readonly fallbacks: readonly MosaicError[];
}

/** How to load libsodium; tests put a failing one in its place. */
export type SodiumLoader = () => Promise<Sodium>;

/** The reference: the protocol library's own hash, key and signature checks. */
export function exactTools(): VerificationTools {
  const tools = { hash: h64, verify: verifyPrehash, keyFault: publicKeyFault };
  return { kind: 'exact', tools, fallbacks: [] };
}

/** The fastest tools that load here. Never rejects: see {@link VerificationTools.fallbacks}. */
export async function fastTools(load: SodiumLoader = loadSodium): Promise<VerificationTools> {
  const fallbacks: MosaicError[] = [];
  const hash = await orFallback(createFastHash, h64, fallbacks);
  const native = await orFallback(() => nativeChecks(load), undefined, fallbacks);
  if (native === undefined) {
    return { kind: 'exact', tools: { ...exactTools().tools, hash }, fallbacks };
  }
  return { kind: 'native', tools: { hash, ...native }, fallbacks };
}

/** The checks for whatever the native ones cannot decide. */
type LastChecks = Required<Pick<ValidationTools, 'verify' | 'keyFault'>>;

async function nativeChecks(
  load: SodiumLoader,
  last: LastChecks = { verify: verifyPrehash, keyFault: publicKeyFault },
): Promise<LastChecks> {
  const sodium = await load();
  const check = new NativeSignatureCheck(sodium);
  testNativeSignature(check);
  return {
    verify: verifyWith(check, last.verify),
    keyFault: keyFaultWith(sodium, new KnownKeys(), last.keyFault),
  };
}

/**
 * The fast tools without the slow ones behind them, for a thread that has other work: they throw
 * where only the exact checks could decide. Undefined where one does not load.
 */
export async function quickTools(
  load: SodiumLoader = loadSodium,
): Promise<Required<ValidationTools> | undefined> {
  const refuse = (): never => {
    throw new MosaicError('unavailable', 'unsure', 'only the exact check can decide this');
  };
  const notes: MosaicError[] = [];
  const hash = await orFallback(createFastHash, undefined, notes);
  const last = { verify: refuse, keyFault: refuse };
  const native = await orFallback(() => nativeChecks(load, last), undefined, notes);
  return hash === undefined || native === undefined ? undefined : { hash, ...native };
}

/**
 * Hash, signatures and public keys made by libsodium and WebAssembly, for `buildRecord`; the
 * protocol library's own where those do not load. Equal bytes either way.
 */
export async function nativeSigningTools(
  load: SodiumLoader = loadSodium,
): Promise<NativeSigningTools> {
  const fallbacks: MosaicError[] = [];
  const hash: HashFunction = await orFallback(createFastHash, h64, fallbacks);
  const sodium = await orFallback(load, undefined, fallbacks);
  if (sodium === undefined) return { hash, sign: signPrehash, publicKeyOf };
  return signingToolsWith(sodium, hash);
}

/** What `create` gives, or `fallback` and a note in `notes` why. Other errors than ours are bugs. */
async function orFallback<T, F>(
  create: () => Promise<T>,
  fallback: F,
  notes: MosaicError[],
): Promise<T | F> {
  try {
    return await create();
  } catch (error) {
    if (!isMosaicError(error) || error.kind !== 'unavailable') throw error;
    notes.push(error);
    return fallback;
  }
}
