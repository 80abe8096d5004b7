/** Cases of `kinds`: eight bytes to fields and back, or a rejection. */
import { readU16BE, readU64BE } from '../bytes.ts';
import { type Audience, decodeKind, encodeKind, type KindFields } from '../kind.ts';
import type { CaseFields } from './case-fields.ts';
import { expectAccept, expectBytes, expectReject, expectSame } from './expect.ts';

const READ_ACCESS: Readonly<Record<Audience, string>> = {
  'author-only': 'author_only',
  'author-and-tagged': 'author_and_tagged',
  everybody: 'everybody',
};

/** A kind's parts under the names of the vector files. */
export function describeKind(kind: KindFields): Readonly<Record<string, unknown>> {
  return {
    app_id: kind.applicationId,
    app_kind: kind.applicationKind,
    duplicate_handling: kind.duplicateHandling,
    read_access: READ_ACCESS[kind.audience],
    printable: kind.printable,
  };
}

const DESCRIBED = ['app_id', 'app_kind', 'duplicate_handling', 'read_access', 'printable'] as const;

/** Runs one case of the set `kinds`. */
export function runKindCase(fields: CaseFields): void {
  const bytes = fields.hex('bytes');
  expectSame('number', readU64BE(bytes, 0), fields.decimal('u64'));
  expectSame('flags', readU16BE(bytes, 6), fields.integer('flags'));
  expectSame('reserved bits', readU16BE(bytes, 6) & 0xffe0, fields.integer('reserved_bits'));
  const want = Object.fromEntries(DESCRIBED.map((name) => [name, fields.raw(name)]));
  if (!fields.accepts()) {
    expectReject('kind', () => decodeKind(bytes));
    return;
  }
  const kind = expectAccept('kind', () => decodeKind(bytes));
  expectSame('kind', describeKind(kind), want);
  expectBytes('encoded kind', encodeKind(kind), bytes);
}
