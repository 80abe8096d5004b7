/** A start that takes a new index over may be cut short at any step: the next one completes it. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hasIndexToCome, layIndexReady, takeOverIndex } from './rebuilt-index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuilt-index-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(name: string, content: string): Promise<string> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'data'), content);
  return join(folder, name);
}

it.each([
  ['nothing was done', { index: 'old', 'index.next': 'new' }],
  ['one from earlier was left', { index: 'old', 'index.next': 'new', 'index.old': 'older' }],
  ['the old one was moved away', { 'index.next': 'new', 'index.old': 'old' }],
  ['there was none', { 'index.next': 'new' }],
])('where %s', async (_, there) => {
  for (const [name, content] of Object.entries(there)) await put(name, content);
  expect(await takeOverIndex(folder)).toBe(true);
  expect(await readdir(folder)).toEqual(['index']);
  expect(await readFile(join(folder, 'index', 'data'), 'utf8')).toBe('new');
});

it('where the new one is in place and the old one was not removed yet', async () => {
  await put('index', 'new');
  await put('index.old', 'old');
  expect(await takeOverIndex(folder)).toBe(false);
  expect(await readdir(folder)).toEqual(['index']);
  expect(await readFile(join(folder, 'index', 'data'), 'utf8')).toBe('new');
});

it('takes the newest of those that were laid ready', async () => {
  await put('index', 'old');
  await layIndexReady(folder, await put('made', 'new'));
  await layIndexReady(folder, await put('made', 'newer'));
  await takeOverIndex(folder);
  expect(await readFile(join(folder, 'index', 'data'), 'utf8')).toBe('newer');
  expect(await readdir(folder)).toEqual(['index']);
});

it('is known of from when it is begun until it is taken over', async () => {
  await put('index', 'old');
  expect(await hasIndexToCome(folder)).toBe(false);
  await mkdir(join(folder, 'reindex'));
  const made = await put(join('reindex', 'index'), 'new');
  expect(await hasIndexToCome(folder)).toBe(true);
  await layIndexReady(folder, made);
  expect(await hasIndexToCome(folder)).toBe(true);
  await takeOverIndex(folder);
  expect(await hasIndexToCome(folder)).toBe(false);
});
