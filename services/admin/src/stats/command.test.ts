/** `mosaic-admin stats` against what a real server holds. Needs a build. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { timestampToMillis } from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { FilledFolders, PRIVATE_TEXT, segmentsOf } from '../../testing/filled-folder.ts';
import { runAdmin } from '../../testing/run-admin.ts';
import { entriesOf } from '../../testing/tamper.ts';
import type { RoleStats } from './stats.ts';

vi.setConfig({ testTimeout: 120_000 });

const folders = new FilledFolders();
let folder: string;
beforeAll(async () => {
  folder = await folders.folder();
}, 120_000);
afterAll(() => folders.close());

interface Report {
  readonly roles: Readonly<Record<string, RoleStats & { readonly indexWhole: boolean | null }>>;
  readonly indexBytes: number | null;
  readonly indexFault: string | null;
}

async function statsOf(...args: string[]): Promise<Report> {
  const { code, stdout } = await runAdmin(['stats', '--data', folder, '--json', ...args]);
  expect(code).toBe(0);
  return JSON.parse(stdout) as Report;
}

it('counts what is there, by role and by kind', async () => {
  const { roles, indexBytes, indexFault } = await statsOf('--kinds', '2');
  expect(Object.keys(roles)).toEqual(['outbox', 'inbox', 'encryption']);
  expect(indexBytes).toBeGreaterThan(0);
  expect(indexFault).toBeNull();
  for (const [role, stats] of Object.entries(roles)) {
    const entries = await entriesOf(folder, role);
    expect(stats.records).toBe(entries.length);
    expect(stats.segments).toBe((await segmentsOf(folder, role)).length);
    expect(stats.indexWhole).toBe(true);
    const held = entries.filter((entry) => entry.held).length;
    expect(stats.held).toBe(held);
    const times = entries.map(({ receivedAt }) => timestampToMillis(receivedAt));
    expect(Date.parse(stats.newest!)).toBe(times.reduce((a, b) => Math.max(a, b)));
    expect(stats.kinds!.length).toBeLessThanOrEqual(2);
    const [most] = stats.kinds!;
    const same = entries.filter(
      ({ record }) => Buffer.from(record.kind).toString('hex') === most!.kind,
    );
    expect(most!.records).toBe(same.length);
  }
  expect(roles['inbox']!.held).toBeGreaterThan(0);
  expect(roles['outbox']!.indexed).toBeLessThan(roles['outbox']!.records!);
});

it('tells it in words, and nothing of what the records say', async () => {
  const { code, stdout } = await runAdmin(['stats', '--data', folder, '--kinds', '3']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/segments {2}\d, [\d.]+ MiB, [\d,]+ records, \d+ bytes a record/);
  expect(stdout).toContain('key-schedule');
  expect(stdout).not.toContain(PRIVATE_TEXT);
});

it('knows the segments where there is no index, and says that there is none', async () => {
  await rm(join(folder, 'index'), { recursive: true });
  const { roles, indexFault } = await statsOf('--role', 'outbox');
  expect(Object.keys(roles)).toEqual(['outbox']);
  expect(indexFault).toMatch(/there is no index/);
  expect(roles['outbox']).toMatchObject({ indexed: null, held: null, indexWhole: null });
  expect(roles['outbox']!.records).toBeGreaterThan(1000);
});
