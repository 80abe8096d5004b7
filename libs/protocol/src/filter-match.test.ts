/** The compiled matcher agrees with a naive one, stays cheap, and allocates nothing. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equalBytes } from './bytes.ts';
import { buildFilter, type FilterElementInput } from './filter-build.ts';
import { compileFilter } from './filter-match.ts';
import type { RecordView } from './record.ts';
import { buildRecord } from './record-build.ts';
import type { TagInput } from './tag.ts';
import {
  bytesOf,
  filterElement,
  kind,
  publicKey,
  secretKey,
  smallTag,
} from '../testing/arbitraries.ts';
import { encodeKind } from './kind.ts';

const sampleKind = encodeKind({
  applicationId: 99,
  applicationKind: 1,
  duplicateHandling: 'unique',
  audience: 'everybody',
  printable: true,
});

/** Records of a small world, in which filters meet something. */
const RECORDS: readonly RecordView[] = fc
  .sample(
    fc.record({
      kind: fc.oneof(kind, fc.constant(sampleKind)),
      timestamp: fc.bigInt({ min: 0n, max: 20n }),
      secretKey,
      author: publicKey,
      nonce: bytesOf(8),
      tags: fc.array(smallTag, { maxLength: 5 }),
    }),
    { numRuns: 60, seed: 7 },
  )
  .map((input) => buildRecord(input, { sign: () => new Uint8Array(64) }));

const idPrefix = fc.constantFrom(...RECORDS.map((record) => record.id.slice(0, 32)));
const elements = fc.array(filterElement(idPrefix), { maxLength: 5 });

function hasTag(record: RecordView, wanted: TagInput): boolean {
  return [...record.tags()].some(
    ({ type, value }) => type === wanted.type && equalBytes(value, wanted.value),
  );
}

function isOneOf(bytes: Uint8Array, list: readonly Uint8Array[]): boolean {
  return list.some((item) => equalBytes(item, bytes));
}

/** One element, as its sentence in the specification reads. */
function matchesOne(element: FilterElementInput, record: RecordView, receivedAt: bigint): boolean {
  switch (element.name) {
    case 'authors':
      return isOneOf(record.author, element.keys);
    case 'signingKeys':
      return isOneOf(record.signingKey, element.keys);
    case 'kinds':
      return isOneOf(record.kind, element.kinds);
    case 'timestamps':
      return element.timestamps.includes(record.timestamp);
    case 'includedTags':
      return element.tags.some((tag) => hasTag(record, tag));
    case 'excludedTags':
      return !element.tags.some((tag) => hasTag(record, tag));
    case 'exclude':
      return !isOneOf(record.id.slice(0, 32), element.idPrefixes);
    case 'since':
      return record.timestamp >= element.timestamp;
    case 'until':
      return record.timestamp <= element.timestamp;
    case 'receivedSince':
      return receivedAt >= element.timestamp;
    default:
      return receivedAt <= element.timestamp;
  }
}

/** A whole filter by the same slow road. */
function naive(
  inputs: readonly FilterElementInput[],
  record: RecordView,
  receivedAt: bigint,
): boolean {
  const seen = new Set<string>();
  return inputs.every((element) => {
    const isRepeatable = element.name === 'includedTags' || element.name === 'excludedTags';
    if (!isRepeatable && seen.has(element.name)) return true;
    seen.add(element.name);
    return matchesOne(element, record, receivedAt);
  });
}

test('agrees with a naive matcher', () => {
  const count = { yes: 0, no: 0 };
  fc.assert(
    fc.property(elements, fc.bigInt({ min: 0n, max: 20n }), (inputs, receivedAt) => {
      const matcher = compileFilter(buildFilter(inputs));
      for (const record of RECORDS) {
        const want = naive(inputs, record, receivedAt);
        expect(matcher.matches(record, receivedAt)).toBe(want);
        count[want ? 'yes' : 'no'] += 1;
      }
    }),
    { numRuns: 1500, seed: 11 },
  );
  expect(count.yes).toBeGreaterThan(5000);
  expect(count.no).toBeGreaterThan(5000);
});

test('time bounds are compared as 64-bit numbers', () => {
  const at = (timestamp: bigint): RecordView =>
    buildRecord(
      { kind: sampleKind, timestamp, secretKey: new Uint8Array(32) },
      { sign: () => new Uint8Array(64) },
    );
  const times = [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 62n, 2n ** 63n - 1n];
  for (const bound of times) {
    const since = compileFilter(buildFilter([{ name: 'since', timestamp: bound }]));
    const until = compileFilter(buildFilter([{ name: 'until', timestamp: bound }]));
    for (const time of times) {
      expect(since.matches(at(time), 0n)).toBe(time >= bound);
      expect(until.matches(at(time), 0n)).toBe(time <= bound);
    }
  }
});

describe('cost', () => {
  /** 16,000 tags on either side, none of them on both. */
  test('a filter full of tags on a record full of tags takes milliseconds', () => {
    const tagsFrom = (first: number, count: number): TagInput[] =>
      Array.from({ length: count }, (_, i) => ({ type: first + i, value: new Uint8Array(0) }));
    const record = buildRecord(
      { kind: sampleKind, timestamp: 0n, secretKey: new Uint8Array(32), tags: tagsFrom(0, 16_383) },
      { sign: () => new Uint8Array(64) },
    );
    const parts = Array.from({ length: 31 }, (_, i) => ({
      name: 'excludedTags' as const,
      tags: tagsFrom(20_000 + 500 * i, 500),
    }));
    const matcher = compileFilter(buildFilter(parts));
    const startMs = performance.now();
    for (let i = 0; i < 20; i++) expect(matcher.matches(record, 0n)).toBe(true);
    // Comparing each tag with each takes some ten seconds for this.
    expect(performance.now() - startMs).toBeLessThan(2000);
  });

  test('matching allocates nothing', { timeout: 60_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mosaic-match-'));
    try {
      const result = await build({
        stdin: {
          contents: ALLOCATION_PROBE,
          resolveDir: fileURLToPath(new URL('.', import.meta.url)),
          loader: 'ts',
        },
        bundle: true,
        platform: 'neutral',
        mainFields: ['module', 'main'],
        format: 'esm',
        write: false,
      });
      const script = join(directory, 'probe.mjs');
      writeFileSync(script, result.outputFiles.map(({ text }) => text).join('\n'));
      // A young generation that is never full: what is allocated stays, and can be counted.
      const flags = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256'];
      const run = spawnSync(process.execPath, [...flags, script], { encoding: 'utf8' });
      expect(run.stderr).toBe('');
      const bytes = JSON.parse(run.stdout) as Record<string, number>;
      expect(Object.keys(bytes)).toHaveLength(4);
      const { control, ...matchers } = bytes;
      expect(control).toBeGreaterThan(8_000_000);
      // Less than a byte a match: the engine's own notes, but no object and no boxed number.
      for (const allocated of Object.values(matchers)) expect(allocated).toBeLessThan(1_000_000);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

/** Bytes allocated by a million matches of three filters, and by a control that does allocate. */
const ALLOCATION_PROBE = `
import { buildFilter, buildRecord, compileFilter, KNOWN_KINDS } from './index.ts';

const sign = () => new Uint8Array(64);
const secretKey = new Uint8Array(32);
const records = [0n, 2n ** 62n, 2n ** 63n - 1n].map((timestamp, i) =>
  buildRecord(
    {
      kind: KNOWN_KINDS['chat-message'],
      timestamp,
      secretKey,
      tags: [1, 2, 3].map((type) => ({ type: type + i, value: Uint8Array.of(i) })),
    },
    { sign },
  ),
);
const author = records[0].author.slice();
const others = [1, 2, 3, 4].map((byte) => new Uint8Array(32).fill(byte));
const tags = [2, 3, 9].map((type) => ({ type, value: Uint8Array.of(1) }));
const filters = {
  fixed: buildFilter([
    { name: 'authors', keys: [...others, author] },
    { name: 'kinds', kinds: [KNOWN_KINDS.profile, KNOWN_KINDS['chat-message']] },
    { name: 'since', timestamp: 5n },
    { name: 'until', timestamp: 2n ** 63n - 2n },
  ]),
  tags: buildFilter([
    { name: 'includedTags', tags },
    { name: 'excludedTags', tags: [{ type: 77, value: new Uint8Array(3) }] },
  ]),
  received: buildFilter([
    { name: 'receivedSince', timestamp: 5n },
    { name: 'exclude', idPrefixes: others.map((bytes) => bytes.slice()) },
  ]),
};

function allocated(run) {
  let matched = 0;
  const times = 1_000_000;
  for (let i = 0; i < times; i++) if (run(records[i % 3])) matched += 1;
  gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < times; i++) if (run(records[i % 3])) matched += 1;
  const bytes = process.memoryUsage().heapUsed - before;
  if (matched === 0 || matched === 2 * times) throw new Error('the filter decides nothing');
  return bytes;
}

const bytes = {};
const receivedAt = [4n, 6n, 2n ** 62n];
for (const [name, filter] of Object.entries(filters)) {
  const matcher = compileFilter(filter);
  let i = 0;
  bytes[name] = allocated((record) => matcher.matches(record, receivedAt[i++ % 3]));
}
const kept = { last: undefined };
bytes.control = allocated((record) => {
  kept.last = record.id;
  return kept.last[0] === 0;
});
console.log(JSON.stringify(bytes));
`;
