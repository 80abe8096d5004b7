/** When segments were last looked through is known also after a clock was wrong. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openFileObjectStore } from '../object-store-files.ts';
import { lastSweep, noteSweep } from './sweeps.ts';

const PREFIX = 'joins/outbox/';
const DAY_MS = 86_400_000;

it('passes over a sweep of the future, so that the next one is not put off until then', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mosaic-sweeps-'));
  const store = await openFileObjectStore({ directory });
  const now = Date.now();
  expect(await lastSweep(store, PREFIX, now)).toBeUndefined();
  await noteSweep(store, PREFIX, now + 3650 * DAY_MS);
  expect(await lastSweep(store, PREFIX, now)).toBeUndefined();
  for (const untilMs of [now - 8 * DAY_MS, now - 7 * DAY_MS]) {
    await noteSweep(store, PREFIX, untilMs);
    expect(await lastSweep(store, PREFIX, now)).toMatchObject({ untilMs });
  }
  await store.close();
  await rm(directory, { recursive: true });
});
