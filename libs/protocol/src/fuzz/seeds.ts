/** Inputs to start from: the golden vectors, sorted by what parses them. */
import { hexDecode } from '../bytes.ts';
import type { VectorFile } from '../vectors/index.ts';

/** Longest seed that is used: mutating a megabyte tells no more than mutating a kilobyte. */
const SEED_BYTES_MAX = 4096;

/** Seeds by the parser that they are for. */
export interface FuzzSeeds {
  readonly records: readonly Uint8Array[];
  readonly filters: readonly Uint8Array[];
  readonly messages: readonly Uint8Array[];
  readonly tagSections: readonly Uint8Array[];
  readonly keySchedules: readonly Uint8Array[];
  readonly texts: readonly Uint8Array[];
  readonly profiles: readonly Uint8Array[];
}

/** The values of `field` in every case of a set, where it is text. */
function texts(files: readonly VectorFile[], set: string, field: string): string[] {
  const file = files.find(({ name }) => name === `${set}.json` || name === set);
  if (file === undefined) throw new RangeError(`the vectors have no file ${set}.json`);
  const { cases } = file.data as { cases: readonly Record<string, unknown>[] };
  return cases.map((item) => item[field]).filter((value) => typeof value === 'string');
}

function bytes(files: readonly VectorFile[], set: string, field: string): Uint8Array[] {
  return texts(files, set, field)
    .filter((hex) => hex.length <= 2 * SEED_BYTES_MAX)
    .map(hexDecode);
}

/** Takes the seeds from the files of the golden vectors. */
export function seedsFrom(files: readonly VectorFile[]): FuzzSeeds {
  const encoder = new TextEncoder();
  const forms = ['mopub0', 'mosrv0', 'mosec0', 'moref0', 'text', 'input'];
  return {
    records: [
      ...bytes(files, 'records-valid', 'record'),
      ...bytes(files, 'records-invalid', 'record'),
    ],
    filters: [
      ...bytes(files, 'filters-parse', 'filter'),
      ...bytes(files, 'filters-match', 'filter'),
    ],
    messages: bytes(files, 'messages', 'bytes'),
    tagSections: bytes(files, 'tags', 'bytes'),
    keySchedules: bytes(files, 'keyschedule', 'record'),
    texts: forms.flatMap((form) => texts(files, 'keys', form)).map((text) => encoder.encode(text)),
    profiles: bytes(files, 'profile', 'payload'),
  };
}
