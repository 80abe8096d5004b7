/** What every bus must do with live records: a part of the suite that each adapter runs. */
import { equalBytes, type RecordView } from '@mosaic-cluster/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Bus, LiveInterest } from './contract.ts';
import { fakeKey, fakeRecord, KIND, notifyTag } from '@mosaic-cluster/protocol/testing';
import {
  type BusUnderTest,
  fakeRole,
  hashOf,
  Heard,
  liveRecord,
  until,
} from './contract-fixture.ts';

/** Declares this part, for the bus that `ends` gives before each test. */
export function describeLive(ends: () => BusUnderTest): void {
  let worker: Bus;
  let gateway: Bus;
  beforeEach(() => {
    ({ worker, gateway } = ends());
  });

  describe('live records', () => {
    // Whoever publishes serves a role, and is known by that.
    beforeEach(() => {
      worker.serve('inbox', fakeRole());
    });
    const byAuthor = (number: number) => (record: RecordView) =>
      equalBytes(record.author, fakeKey(number));

    async function listen(...interests: LiveInterest[]): Promise<Heard> {
      const heard = new Heard();
      const listener = gateway.listen(heard.handler, heard.onGap);
      for (const interest of interests) await listener.add(interest);
      return heard;
    }

    it.each<[string, LiveInterest]>([
      ['author', { author: fakeKey(1) }],
      ['signing key', { signingKey: fakeKey(2) }],
      ['kind', { kind: KIND.everybodyToo }],
      ['tag', { tag: Uint8Array.of(40, 0, 1, 0, 0, 0, 0, 0, ...fakeKey(3)) }],
      ['author and kind', { author: fakeKey(1), kind: KIND.everybodyToo }],
      ['nothing', {}],
    ])('arrive by %s', async (_, interest) => {
      const heard = await listen(interest);
      const record = fakeRecord({
        serial: 7,
        author: fakeKey(1),
        signingKey: fakeKey(2),
        kind: KIND.everybodyToo,
        tags: [notifyTag(fakeKey(3))],
      });
      worker.publish([liveRecord(record, { receivedAt: 99n, role: 'inbox' })]);
      await until(
        () => heard.records.length,
        (count) => count === 1,
      );
      expect(heard.records).toMatchObject([{ role: 'inbox', receivedAt: 99n, readers: undefined }]);
      expect(heard.serialsOf()).toEqual([7]);
    });

    it('arrive in order and once, however many interests they match', async () => {
      const kind = KIND.everybody;
      const heard = await listen(
        { author: fakeKey(1) },
        { kind },
        {},
        { author: fakeKey(1), kind },
      );
      const serials = Array.from({ length: 300 }, (_, serial) => serial);
      for (let at = 0; at < serials.length; at += 10) {
        const batch = serials.slice(at, at + 10);
        worker.publish(batch.map((serial) => liveRecord(fakeRecord({ serial }))));
      }
      await until(
        () => heard.records.length,
        (count) => count >= serials.length,
      );
      expect(heard.serialsOf()).toEqual(serials);
    });

    it('arrive for their readers', async () => {
      const heard = await listen({ reader: fakeKey(2) });
      const record = fakeRecord({ serial: 1, kind: KIND.tagged });
      const readers = [fakeKey(1), fakeKey(2)];
      worker.publish([liveRecord(record, { role: 'encryption', readers })]);
      await until(
        () => heard.records.length,
        (count) => count === 1,
      );
      expect(heard.records[0]?.readers?.map((key) => key[0])).toEqual([1, 2]);
    });

    it('arrive for one of a thousand interests', async () => {
      const heard = new Heard();
      const listener = gateway.listen(heard.handler);
      const numbers = Array.from({ length: 1000 }, (_, number) => number);
      await Promise.all(numbers.map((number) => listener.add({ author: fakeKey(number) })));
      worker.publish(
        numbers.map((number) =>
          liveRecord(fakeRecord({ serial: number, author: fakeKey(number) })),
        ),
      );
      await until(
        () => heard.records.length,
        (count) => count === 1000,
      );
      expect(heard.serialsOf()).toEqual(numbers);
    });

    it('reach everybody who listens, until they stop', async () => {
      const stay = new Heard();
      const leave = new Heard();
      const staying = gateway.listen(stay.handler);
      const leaving = gateway.listen(leave.handler);
      await Promise.all([staying.add({ author: fakeKey(1) }), leaving.add({ author: fakeKey(1) })]);
      await staying.add({ author: fakeKey(1) });
      worker.publish([liveRecord(fakeRecord({ serial: 1 }))]);
      await until(
        () => stay.records.length + leave.records.length,
        (count) => count === 2,
      );
      leaving.close();
      staying.remove({ author: fakeKey(1) });
      worker.publish([liveRecord(fakeRecord({ serial: 2 }))]);
      await until(
        () => stay.records.length,
        (count) => count === 2,
      );
      expect(stay.serialsOf(byAuthor(1))).toEqual([1, 2]);
      expect(leave.serialsOf(byAuthor(1))).toEqual([1]);
    });

    it('of 1 MiB arrive whole', async () => {
      const heard = await listen({ author: fakeKey(1) });
      const record = fakeRecord({ payloadBytes: 1_048_360 });
      worker.publish([liveRecord(record)]);
      await until(
        () => heard.records.length,
        (count) => count === 1,
      );
      expect(heard.records.map((live) => hashOf(live.record))).toEqual([hashOf(record)]);
    });
  });

  describe('ephemeral records', () => {
    beforeEach(() => {
      worker.serve('inbox', fakeRole());
    });
    const offered = liveRecord(
      fakeRecord({ kind: KIND.ephemeral, tags: [notifyTag(fakeKey(3)), notifyTag(fakeKey(4))] }),
    );

    it('reach nobody where nobody listens', async () => {
      expect(await worker.offer(offered)).toBe(0);
    });

    it('say whether they reached somebody, and come once', async () => {
      const heard = new Heard();
      const listener = gateway.listen(heard.handler);
      await listener.add({ author: fakeKey(1) });
      await listener.add({ kind: KIND.ephemeral });
      expect(await worker.offer(offered)).toBeGreaterThan(0);
      heard.reaches = 0;
      expect(await worker.offer(offered)).toBe(0);
      expect(heard.records).toHaveLength(2);
    });

    it('reach their readers', async () => {
      const heard = new Heard();
      const listener = gateway.listen(heard.handler);
      await listener.add({ reader: fakeKey(2) });
      const readers = [fakeKey(1), fakeKey(2)];
      expect(await worker.offer({ ...offered, role: 'encryption', readers })).toBeGreaterThan(0);
    });
  });

  it('lets what is being served be answered when it is closed', async () => {
    let finish = (): void => {};
    const started = new Promise<void>((resolve) => {
      worker.serve(
        'outbox',
        fakeRole({
          identities: async (key) => {
            resolve();
            await new Promise<void>((done) => {
              finish = done;
            });
            return [key];
          },
        }),
      );
    });
    const asked = gateway.role('outbox').identities(fakeKey(1));
    await started;
    const closed = worker.close();
    finish();
    expect(await asked).toHaveLength(1);
    await closed;
  });
}
