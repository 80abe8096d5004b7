/** The audit log's form: everything that can be noted fits, and whatever is found can be read. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FACT_VALUE_BYTES_MAX,
  type ObjectStore,
  openFileObjectStore,
  openMemoryRegistry,
  type Registry,
} from '@mosaic-cluster/store';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  AUDIT_COLLECTION,
  AUDIT_NAME_BYTES_MAX,
  AUDIT_SUBJECTS_MAX,
  type AuditEntry,
  encodeEntry,
  nameEntry,
} from './audit-entry.ts';
import { audited, auditEntries, pruneAudit } from './audit-log.ts';

let folder: string;
let store: ObjectStore;
let registry: Registry;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-audit-'));
  store = await openFileObjectStore({ directory: folder });
  registry = await openMemoryRegistry({ store });
});
afterEach(async () => {
  await registry.close();
  await store.close();
  await rm(folder, { recursive: true });
});

const ENTRY: AuditEntry = {
  atMs: 1_750_000_000_000,
  by: 'carol',
  action: 'users add',
  on: ['mopub0…'],
  detail: '',
  result: '1 added',
};

async function all(): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for await (const entry of auditEntries(registry, {})) entries.push(entry);
  return entries;
}

it('keeps the longest entry there can be, and cuts what is said besides', async () => {
  const entry = {
    ...ENTRY,
    by: '"'.repeat(AUDIT_NAME_BYTES_MAX),
    action: 'x'.repeat(32),
    on: Array.from({ length: AUDIT_SUBJECTS_MAX }, (_, i) => String(i).padStart(96, 'x')),
    detail: '"'.repeat(396) + 'ö'.repeat(99),
    result: '\\'.repeat(1000),
  };
  const facts = encodeEntry(nameEntry(entry));
  for (const { value } of facts) expect(value!.length).toBeLessThanOrEqual(FACT_VALUE_BYTES_MAX);
  await audited(registry, entry).change([]);
  const [found] = await all();
  expect(found).toMatchObject({ by: entry.by, on: entry.on });
  expect(found!.detail).toBe(`${'"'.repeat(396)}…`);
  expect(() => encodeEntry(nameEntry({ ...entry, on: [...entry.on, 'x'] }))).toThrow(
    expect.objectContaining({ kind: 'invalid', code: 'audit' }),
  );
});

it('is kept with the change or not at all', async () => {
  const key = Uint8Array.of(1);
  const bad = { collection: 'No Name', key, value: key };
  await expect(audited(registry, ENTRY).change([bad])).rejects.toMatchObject({ kind: 'invalid' });
  expect(await all()).toEqual([]);
  await audited(registry, ENTRY).change([{ collection: 'users', key, value: key }]);
  expect(await all()).toEqual([ENTRY]);
});

it('can be read whatever a newer version wrote', async () => {
  const change = (key: Uint8Array, value: Uint8Array) =>
    registry.change([{ collection: AUDIT_COLLECTION, key, value }]);
  await change(Uint8Array.of(1), Uint8Array.of(1));
  await change(new Uint8Array(18), Uint8Array.of(2, 1, 2));
  await change(new Uint8Array(18).fill(1, 8), Buffer.from('\u0001{"by":3,"on":[4,"x"],"action":'));
  await change(new Uint8Array(18).fill(2, 8), Buffer.from('\u0001{"by":3,"on":[4,"x"]}'));
  const entries = await all();
  expect(entries).toHaveLength(4);
  expect(entries.map(({ action }) => action)).toEqual(Array(4).fill('unknown'));
  expect(entries).toContainEqual(expect.objectContaining({ by: '', on: ['', 'x'] }));
});

it('is pruned over many pages, and one entry says how many are gone', async () => {
  const on = Array.from({ length: AUDIT_SUBJECTS_MAX }, (_, i) => `subject ${i}`);
  for (let i = 0; i < 60; i++) await audited(registry, { ...ENTRY, atMs: i, on }).change([]);
  const { entries, isInEffect } = await pruneAudit(registry, 59, (n) => ({
    ...ENTRY,
    action: 'audit prune',
    on: [],
    result: `${n} removed`,
  }));
  expect({ entries, isInEffect }).toEqual({ entries: 59, isInEffect: true });
  expect(await all()).toMatchObject([{ atMs: 59, on }, { result: '59 removed' }]);
});
