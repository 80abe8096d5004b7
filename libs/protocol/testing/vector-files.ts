/** The committed golden vectors, read once for the tests that want them. */
import { readdirSync, readFileSync } from 'node:fs';
import type { VectorFile } from '../src/vectors/index.ts';

const DIRECTORY = new URL('../vectors/', import.meta.url);

/** Every file of the golden data, parsed. */
export function readVectorFiles(): VectorFile[] {
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({ name, data: JSON.parse(readFileSync(new URL(name, DIRECTORY), 'utf8')) }));
}

/** A case of the golden data, its fields as they stand. */
export type VectorCase = Readonly<Record<string, unknown>> & { readonly name: string };

/** The cases of one set. */
export function vectorCases(files: readonly VectorFile[], set: string): readonly VectorCase[] {
  const data: unknown = files.find(({ name }) => name === `${set}.json`)?.data;
  return (data as { cases: VectorCase[] }).cases;
}
