/** Whether a cluster does its work: what is published through it is kept, found and brought to those who follow. */
import type { MosaicClient } from '@mosaic-cluster/client';
import { expect } from 'vitest';
import { Audience, idOf, Load, missing } from './load.ts';

/** Publishes so many records at least; all must be there, and must have come live, each once. */
export async function expectServed(client: MosaicClient, records: number): Promise<void> {
  const load = new Load(client);
  const audience = await Audience.of(client, load.author);
  load.start();
  await load.more(records);
  await load.stop();
  expect(load.failed).toEqual([]);
  await audience.hasSeen(load.acknowledged.length);
  expect(audience.seen.toSorted()).toEqual(load.acknowledged.map(idOf).toSorted());
  expect(await missing(client, load.acknowledged)).toEqual([]);
  await audience.close();
}
