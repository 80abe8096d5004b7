/**
 * Checking records in bulk, for servers: libsodium and WebAssembly where they load, worker
 * threads, a bounded queue; the verdicts of the protocol library.
 */
export { createVerifier } from './create-verifier.ts';
export type { VerifierOptions, VerifierSettings } from './options.ts';
export {
  exactTools,
  fastTools,
  nativeSigningTools,
  type VerificationTools,
  type VerifierKind,
} from './tools.ts';
export { createFastHash } from './fast-hash.ts';
export type { NativeSigningTools } from './native-signing.ts';
export type { Verdict, Verifier } from './verifier.ts';
