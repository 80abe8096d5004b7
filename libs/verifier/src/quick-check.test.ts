/** Checking a few records on the caller's thread: what is decided there, and how much at a time. */
import { hexDecode, parseRecord, recordFaultOf } from '@mosaic-cluster/protocol';
import { describe, expect, it } from 'vitest';
import { forged, mixedOrderRecord, recordBytesOf, validRecord, vectors } from '../test/support.ts';
import { createVerifier } from './create-verifier.ts';
import { QuickCheck, UNSURE } from './quick-check.ts';
import { loadSodium } from './sodium.ts';
import { quickTools } from './tools.ts';

const sodium = await loadSodium();
const tools = (await quickTools())!;

function quick(quickRecordsMax = 2, quickBytesMax = 100_000): QuickCheck {
  return new QuickCheck(tools, { quickRecordsMax, quickBytesMax });
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what it decides', () => {
  it('it decides as the protocol library does', () => {
    const check = quick();
    let decided = 0;
    for (const each of vectors('records-invalid').concat(vectors('records-valid'))) {
      if (each.step === '1' || each.step === '2') continue;
      const record = parseRecord(recordBytesOf(each));
      const verdict = check.verdictOf(record);
      if (verdict === UNSURE) continue;
      expect(verdict, each.name).toEqual(recordFaultOf(record));
      decided += 1;
    }
    expect(decided).toBeGreaterThan(100);
  });

  it('ordinary and forged records are among it', () => {
    expect(quick().verdictOf(validRecord(1))).toBeUndefined();
    expect(quick().verdictOf(forged(validRecord(1)))).toMatchObject({ step: '9' });
  });

  it('what takes the exact check is not, and the pool decides it', async () => {
    const notAKey = validRecord(1).bytes.slice();
    notAKey.set(hexDecode('02'.padEnd(64, '0')), 96);
    const slow = [mixedOrderRecord(sodium), parseRecord(notAKey)];
    for (const record of slow) expect(quick().verdictOf(record)).toBe(UNSURE);
    const verifier = await createVerifier({ workers: 1 });
    const verdicts = await verifier.verify(slow);
    await verifier.close();
    expect(verdicts).toEqual(slow.map((record) => recordFaultOf(record)));
    expect(verdicts.map((verdict) => verdict?.step)).toEqual([undefined, '3']);
  });
});

describe('how much', () => {
  const record = validRecord(1);

  it('so many records in a turn of the event loop, and as many in the next', async () => {
    const check = quick(3);
    expect(check.takes([record, record])).toBe(true);
    expect(check.takes([record, record])).toBe(false);
    expect(check.takes([record])).toBe(true);
    expect(check.takes([record])).toBe(false);
    await nextTurn();
    expect(check.takes([record, record, record])).toBe(true);
  });

  it('so many bytes', async () => {
    const check = quick(100, record.bytes.length * 2);
    const large = validRecord(1, 'x'.repeat(record.bytes.length));
    expect(check.takes([record, large])).toBe(false);
    expect(check.takes([record, record])).toBe(true);
    expect(check.takes([record])).toBe(false);
    await nextTurn();
    expect(check.takes([record])).toBe(true);
  });
});

it('there are no quick tools where libsodium does not load, or fails its test', async () => {
  const broken = { ...sodium, crypto_core_ed25519_sub: () => {} };
  expect(await quickTools(() => Promise.resolve(broken))).toBeUndefined();
});
