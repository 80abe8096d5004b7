/** A verification that is interrupted again and again finds what one in a piece finds. */
import { rm, writeFile } from 'node:fs/promises';
import { isMosaicError } from '@mosaic-cluster/protocol';
import { viewDataFolder } from '@mosaic-cluster/standalone/data-folder';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { FilledFolders, segmentsOf } from '../../testing/filled-folder.ts';
import { flipByte } from '../../testing/tamper.ts';
import { openEmbedded } from '../place/open-embedded.ts';
import { stateFile, type VerifyState } from './verify-state.ts';
import { verify } from './verify.ts';

// Each test runs processes, and on a busy machine they take their time to start.
vi.setConfig({ testTimeout: 120_000 });

const folders = new FilledFolders();
beforeAll(() => folders.folder(), 120_000);
afterAll(() => folders.close());

/** Verifies until the given number of pauses; undefined: it was interrupted. */
async function verifyFor(
  folder: string,
  pausesMax: number,
  path?: string,
): Promise<VerifyState | undefined> {
  const holding = await openEmbedded(await viewDataFolder(folder), undefined);
  const stopped = new AbortController();
  let pauses = 0;
  try {
    return await verify({
      holding,
      signatures: 'none',
      oneIn: 1,
      task: 'a test',
      verifier: undefined,
      stateFile: path === undefined ? undefined : stateFile(path, 'a test'),
      signal: stopped.signal,
      onProgress: () => {
        pauses += 1;
        if (pauses === pausesMax) stopped.abort();
      },
    });
  } catch (error) {
    if (isMosaicError(error) && error.code === 'interrupted') return undefined;
    throw error;
  } finally {
    await holding.close();
  }
}

it('goes on at every place at which it can end', async () => {
  const folder = await folders.folder();
  await flipByte((await segmentsOf(folder, 'outbox'))[0]!, 5000);
  const whole = await verifyFor(folder, Number.POSITIVE_INFINITY);
  expect(whole?.findings.counts).toMatchObject({ 'segment-damaged': 1 });
  const path = await folders.path();
  let runs = 1;
  let pieced = await verifyFor(folder, 1, path);
  for (; pieced === undefined; runs++) pieced = await verifyFor(folder, 1, path);
  expect(runs).toBeGreaterThan(5);
  expect(pieced.roles).toEqual(whole?.roles);
  expect(pieced.findings.counts).toEqual(whole?.findings.counts);
});

it('refuses a state that is none, or of something else, and names the file', async () => {
  const path = await folders.path();
  const state = stateFile(path, 'a test');
  expect(await state.load()).toBeUndefined();
  for (const text of ['', 'nonsense', '{}', 'null', '{"format":1,"task":"a test","roles":{}}']) {
    await writeFile(path, text);
    await expect(state.load()).rejects.toThrow(/--state: .* holds no state/);
  }
  await writeFile(path, '{"format":2,"task":"another","roles":{}}');
  await expect(state.load()).rejects.toThrow(/of another verification: another/);
  await rm(path);
});
