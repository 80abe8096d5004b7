/** Reading an index that a server has open: it is followed, never written to, and never trusted more. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openIndexEnvironment } from './index-environment.ts';
import { INDEX_FORMAT } from './index-marker.ts';
import { type IndexReader, openIndexReader } from './index-reader.ts';
import { additionOf, present } from './record-index-fixture.ts';

let directory: string;
const closing: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'index-reader-'));
});
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
  await rm(directory, { recursive: true });
});

const bootId = (): string => 'this boot';
const additions = Array.from({ length: 500 }, (_, i) => additionOf({ timestamp: 1_000 + i }));

async function openReader(): Promise<IndexReader> {
  const reader = await openIndexReader({ directory, bootId });
  if ('state' in reader) throw new Error(reader.why);
  closing.push(reader);
  return reader;
}

it('finds what a process adds that has it open, without changing the marker', async () => {
  const environment = await openIndexEnvironment({ directory, bootId });
  closing.push(environment);
  const written = environment.index('outbox');
  await written.add(additions.slice(0, 1), Uint8Array.of(1));
  const marker = await readFile(join(directory, 'marker.json'));
  const reader = await openReader();
  const index = present(reader.index('outbox'));
  expect(await index.count()).toBe(1);
  await written.add(additions, Uint8Array.of(2));
  expect(await index.count()).toBe(additions.length);
  expect(await index.appliedTo()).toEqual(Uint8Array.of(2));
  const path = { path: 'all' } as const;
  const range = { limit: 1000 };
  const found = (await index.scan(path, range)).map(({ position }) => position);
  expect(found).toEqual((await written.scan(path, range)).map(({ position }) => position));
  expect(reader.index('inbox')).toBeUndefined();
  await expect(index.add(additions)).rejects.toMatchObject({ code: 'index-read-only' });
  await expect(index.remove(additions)).rejects.toMatchObject({ code: 'index-read-only' });
  expect(await readFile(join(directory, 'marker.json'))).toEqual(marker);
  expect(await reader.bytes()).toBeGreaterThan(0);
  expect(await reader.isCurrent()).toBe(true);
});

it('notices that the index was made anew', async () => {
  await (await openIndexEnvironment({ directory, bootId })).close();
  const reader = await openReader();
  await rm(join(directory, 'marker.json'));
  closing.push(await openIndexEnvironment({ directory, bootId }));
  expect(await reader.isCurrent()).toBe(false);
});

it('says where there is none, and makes none', async () => {
  expect(await openIndexReader({ directory })).toMatchObject({ state: 'missing' });
  await expect(stat(join(directory, 'data.mdb'))).rejects.toMatchObject({ code: 'ENOENT' });
});

it('trusts what a start would trust', async () => {
  await (await openIndexEnvironment({ directory, bootId })).close();
  const marker = join(directory, 'marker.json');
  const reasons = [
    `{"format":${INDEX_FORMAT},"state":"open","boot":"another boot"}`,
    `{"format":${INDEX_FORMAT},"state":"damaged","why":"it was"}`,
    '{"format":99,"state":"clean","bytes":1}',
    'nonsense',
  ];
  for (const text of reasons) {
    await writeFile(marker, text);
    expect(await openIndexReader({ directory, bootId })).toMatchObject({ state: 'distrusted' });
  }
  await writeFile(join(directory, 'data.mdb'), Buffer.alloc(8192, 7));
  await writeFile(marker, `{"format":${INDEX_FORMAT},"state":"open","boot":"this boot"}`);
  expect(await openIndexReader({ directory, bootId })).toMatchObject({ state: 'distrusted' });
});
