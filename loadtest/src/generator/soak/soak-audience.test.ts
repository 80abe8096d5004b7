/** Protects against lost deliveries: a record that somebody was to get and did not is missed. */
import { nativeSigningTools } from '@mosaic-cluster/verifier';
import { encodeSubmission, RESULT } from '@mosaic-cluster/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RecordPlan } from '../../records/record-plan.ts';
import { MemoryServer } from '../../testing/memory-server.ts';
import { Pool } from '../pool.ts';
import { parseServerAddress } from '../server-address.ts';
import { AUTHOR_GROUPS, SoakAudience } from './soak-audience.ts';
import { SoakFigures } from './soak-figures.ts';
import { SoakRecords } from './soak-records.ts';

const plan = new RecordPlan(1, await nativeSigningTools());
/** Two that listen to kinds, and one for each group of authors. */
const SUBSCRIBERS = 2 + AUTHOR_GROUPS;
let server: MemoryServer;
let pool: Pool;

beforeEach(async () => {
  server = await MemoryServer.start();
  pool = await Pool.open(parseServerAddress(server.url), SUBSCRIBERS);
});
afterEach(async () => {
  await pool.close();
  await server.close();
});

describe('SoakAudience', () => {
  it('is content when everybody has got everything, and misses what did not come', async () => {
    const audience = new SoakAudience(pool, plan, new SoakFigures(), 0);
    await audience.subscribe();
    const running = audience.run();
    const records = new SoakRecords(plan, { first: 0, count: 40 });
    const publisher = await Pool.open(parseServerAddress(server.url), 1);
    void publisher.run({ message: () => {} }, () => {});
    for (let i = 0; i < 20; i++) {
      const record = records.next();
      audience.expect(record);
      publisher.connections[0]!.send(encodeSubmission(record.bytes));
      if (record.expected === RESULT.ACCEPTED) expect(audience.isIdle).toBe(false);
    }
    await vi.waitFor(() => expect(audience.isIdle).toBe(true));
    expect(() => audience.check()).not.toThrow();
    audience.expect(records.next());
    expect(() => audience.check()).toThrow('a kept record did not reach 1 subscribers');
    audience.stop();
    await running;
    await publisher.close();
  });
});
