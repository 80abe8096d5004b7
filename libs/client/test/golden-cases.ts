/**
 * The golden vectors, as far as the command's tests use them.
 */
import { readFileSync } from 'node:fs';

/** A case; which of the names it has depends on its file. Bytes are hex. */
export interface GoldenCase {
  readonly name: string;
  readonly class?: string;
  readonly type?: unknown;
  readonly spec?: 'accept' | 'reject';
  readonly schedule_valid?: boolean;
  readonly record?: string;
  readonly bytes?: string;
  readonly filter?: string;
  readonly public?: string;
  readonly input?: string;
  readonly kind?: string;
  readonly step?: string;
  readonly all_steps?: readonly string[];
  readonly text?: string;
  readonly password?: string;
  readonly wrong_password?: string;
  readonly seed?: string;
  readonly moref0?: string;
  readonly ref_kind?: string;
  readonly inputs?: {
    readonly author: string;
    readonly signer_seed: string;
    readonly kind: string;
    readonly timestamp: string;
    readonly flags: number;
    readonly nonce: { readonly method: string; readonly input: string };
    readonly tags: readonly unknown[];
    readonly payload: { readonly hex?: string };
  };
}

/** The cases of one file, such as `keys`. */
export function goldenCases(file: string): readonly GoldenCase[] {
  const url = new URL(`../../protocol/vectors/${file}.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { cases: GoldenCase[] }).cases;
}

/** One case by its name. */
export function goldenCase(file: string, name: string): GoldenCase {
  const found = goldenCases(file).find((one) => one.name === name);
  if (found === undefined) throw new Error(`no case "${name}" in ${file}.json`);
  return found;
}
