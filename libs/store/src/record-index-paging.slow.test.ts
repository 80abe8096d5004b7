/** Paging back through a million records costs the same per page at the end as at the start. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RecordView, writeU32BE, writeU64BE } from '@mosaic-cluster/protocol';
import { expect, it } from 'vitest';
import { openIndexEnvironment } from './index-environment.ts';
import type { IndexAddition, Position } from './record-index.ts';
import { additionOf, keyNumber, present } from './record-index-fixture.ts';

const COUNT = 1_000_000;
const LIMIT = 500;
/** Pages whose cost is compared, at either end. */
const SHARE = 200;

/** The n-th record: a copy of one, with a time and an ID of its own. */
function additionNumber(template: RecordView, n: number): IndexAddition {
  const record = template.copy();
  writeU64BE(record.bytes, 0, BigInt(n));
  writeU64BE(record.bytes, 128, BigInt(n));
  writeU32BE(record.bytes, 8, Math.imul(n, 0x9e3779b1) >>> 0);
  writeU32BE(record.bytes, 52, n);
  return { record, receivedAt: BigInt(n), location: Uint8Array.of(n), held: false };
}

it('pages back through a million records at a steady cost', { timeout: 600_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'record-index-paging-'));
  const environment = await openIndexEnvironment({ directory });
  try {
    const index = environment.index('outbox');
    const template = additionOf({}).record;
    for (let n = 0; n < COUNT; n += 1_000) {
      await index.add(Array.from({ length: 1_000 }, (_, i) => additionNumber(template, n + i)));
    }
    const path = { path: 'author', author: keyNumber(1) } as const;
    const costs: number[] = [];
    let below: Position | undefined;
    let found = 0;
    for (;;) {
      const start = process.cpuUsage();
      const page = await index.scan(path, { below, limit: LIMIT });
      const { user, system } = process.cpuUsage(start);
      costs.push(user + system);
      found += page.length;
      if (page.length < LIMIT) break;
      below = present(page[LIMIT - 1]).position;
    }
    expect(found).toBe(COUNT);
    const atStart = median(costs.slice(SHARE, 2 * SHARE));
    const atEnd = median(costs.slice(-SHARE));
    console.log(`a page of ${LIMIT}: ${atStart} µs at the start, ${atEnd} µs at the end`);
    expect(atEnd / atStart).toBeLessThanOrEqual(3);
  } finally {
    await environment.close();
    await rm(directory, { recursive: true });
  }
});

function median(values: readonly number[]): number {
  return present([...values].sort((a, b) => a - b)[values.length >> 1]);
}
