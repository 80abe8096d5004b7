/** The bytes on disk, read by hand as `docs/storage.md` describes them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes } from '@mosaic-cluster/protocol';
import { afterAll, describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.ts';
import { decodeSegmentHeader, encodeSegmentHeader } from './segment-format.ts';
import { openSegmentLog } from './segment-log-files.ts';
import { failureOf, flipped, fakeEntry, TestFolders, itemAt } from './segment-log-fixture.ts';

const folders = new TestFolders();
afterAll(() => folders.close());

const STARTED_MS = Date.parse('2026-11-23T09:44:17.250Z');

async function makeSegments(): Promise<{ directory: string; names: string[] }> {
  const directory = await folders.next();
  const log = await openSegmentLog({
    directory,
    role: 'inbox',
    freeBytesMin: 0,
    segmentBytesMax: 4096,
    clock: { now: () => STARTED_MS },
  });
  await log.append([fakeEntry(3, 5), fakeEntry(4, 16)]);
  await log.append([fakeEntry(5, 0)]);
  await log.append([fakeEntry(6, 4000)]);
  const names = log.segments().map(({ name }) => name);
  await log.close();
  return { directory, names };
}

describe('a segment file', () => {
  it('is what the specification says, byte by byte', async () => {
    const { directory, names } = await makeSegments();
    expect(names).toEqual([
      '0000000001-20261123T094417Z.segment',
      '0000000002-20261123T094417Z.segment',
    ]);
    const file = await readFile(join(directory, itemAt(names, 0)));
    const text = (from: number, to: number): string => file.toString('latin1', from, to);
    expect(text(0, 8)).toBe('MosSeg\r\n');
    expect([file.readUInt16LE(8), file.readUInt16LE(10), file.readUInt32LE(12)]).toEqual([
      1, 64, 0,
    ]);
    expect(file.readBigUInt64BE(16)).toBe((BigInt(STARTED_MS) + 28_000n) * 1_000_000n);
    expect(file.readBigUInt64LE(24)).toBe(1n);
    expect(text(32, 48)).toBe('inbox'.padEnd(16, '\0'));
    expect(file.readUInt32LE(56)).toBe(0);
    const headerChecksum = file.readUInt32LE(60);
    expect(headerChecksum).toBe(crc32c(file, 0, 60));

    const first = { at: 64, body: 16 + 160 + 16 + 168 };
    const second = { at: 64 + 24 + first.body, body: 16 + 152 };
    for (const [{ at, body }, entries] of [
      [first, 2],
      [second, 1],
    ] as const) {
      expect(text(at, at + 4)).toBe('Cmit');
      expect(file.readUInt32LE(at + 4)).toBe(crc32c(file, at + 8, at + 24 + body));
      const rest = [8, 12, 16, 20].map((offset) => file.readUInt32LE(at + offset));
      expect(rest).toEqual([body, entries, at, headerChecksum]);
    }

    const entryAt = first.at + 24;
    expect(file.readUInt32LE(entryAt)).toBe(160);
    expect([...file.subarray(entryAt + 4, entryAt + 8)]).toEqual([1, 0, 0, 0]);
    expect(file.readBigUInt64BE(entryAt + 8)).toBe(1_763_000_000_000_000_003n);
    const record = file.subarray(entryAt + 16, entryAt + 16 + 160);
    expect(equalBytes(record, fakeEntry(3, 5).record.bytes)).toBe(true);
    expect(file[entryAt + 16 + 160 + 4]).toBe(0);

    const footer = second.at + 24 + second.body;
    expect(text(footer, footer + 4)).toBe('Foot');
    expect(file.readUInt32LE(footer + 4)).toBe(crc32c(file, footer + 8, file.length));
    const words = Array.from({ length: 4 + 6 + 2 }, (_, i) =>
      file.readUInt32LE(footer + 8 + i * 4),
    );
    const rows = [entryAt, 160, entryAt + 16 + 160, 168, second.at + 24, 152];
    const head = [file.length - footer - 24, 3, footer, headerChecksum];
    expect(words).toEqual([...head, ...rows, footer, 2]);
    expect(text(file.length - 8, file.length)).toBe('\r\nSegEnd');
  });

  it('has a salt that differs', async () => {
    const { directory, names } = await makeSegments();
    const [one, two] = await Promise.all(names.map((name) => readFile(join(directory, name))));
    expect(equalBytes(one!.subarray(48, 56), two!.subarray(48, 56))).toBe(false);
  });
});

describe('a header', () => {
  const identity = { role: 'outbox', number: 7, createdAt: 5n, salt: new Uint8Array(8).fill(9) };

  it('survives the way there and back', () => {
    const bytes = encodeSegmentHeader(identity);
    expect(decodeSegmentHeader(bytes, 'x')).toEqual({
      ...identity,
      isCut: false,
      checksum: crc32c(bytes, 0, 60),
    });
    const long = { ...identity, role: 'a-role-of-16-let' };
    expect(decodeSegmentHeader(encodeSegmentHeader(long), 'x').role).toBe(long.role);
  });

  it('is refused where any bit of it differs', () => {
    const bytes = encodeSegmentHeader(identity);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const wrong = flipped(bytes, bit >> 3, 1 << (bit & 7));
      expect(() => decodeSegmentHeader(wrong, 'x')).toThrow('segment x is damaged at byte 0');
    }
    expect(() => decodeSegmentHeader(bytes.subarray(0, 63), 'x')).toThrow('does not start like');
  });

  it('of a later version is refused by its number', () => {
    const bytes = encodeSegmentHeader(identity);
    const view = new DataView(bytes.buffer);
    view.setUint16(8, 3, true);
    view.setUint32(60, crc32c(bytes, 0, 60), true);
    expect(() => decodeSegmentHeader(bytes, 'x')).toThrow('has format version 3; this program');
  });

  it.each(['', 'Outbox', 'a role', 'a-role-of-17-lett'])('takes no role "%s"', async (role) => {
    const directory = await folders.next();
    expect(() => encodeSegmentHeader({ ...identity, role })).toThrow('is no role');
    const error = await failureOf(openSegmentLog({ directory, role }));
    expect(error).toMatchObject({ kind: 'invalid', code: 'segment-role' });
  });
});
