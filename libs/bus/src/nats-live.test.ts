/** Protects who hears what: no more than was asked for, private records by readers alone. */
import { type NatsServer, startNats } from '@mosaic-cluster/test-servers';
import { encodeTags } from '@mosaic-cluster/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fakeRole, Heard, liveRecord, until } from './contract-fixture.ts';
import type { NatsBus } from './bus-nats.ts';
import { fakeKey, fakeRecord, KIND, notifyTag } from '@mosaic-cluster/protocol/testing';
import { Buses, CONFIG } from './testing/nats-buses.ts';

let server: NatsServer;
let buses: Buses;
let worker: NatsBus;
let gateway: NatsBus;
beforeAll(async () => {
  server = await startNats({ config: CONFIG });
});
afterAll(() => server.stop());
beforeEach(async () => {
  buses = new Buses();
  worker = await buses.connect([server]);
  gateway = await buses.connect([server]);
  worker.serve('outbox', fakeRole());
});
afterEach(() => buses.close());

/** Publishes something that everybody hears who listened to the author, behind all before it. */
async function untilHeard(heard: Heard): Promise<void> {
  worker.publish([liveRecord(fakeRecord({ serial: 999, author: fakeKey(99) }))]);
  await until(
    () => heard.serialsOf(),
    (serials) => serials.includes(999),
  );
}

async function listen(bus: NatsBus, ...interests: object[]): Promise<Heard> {
  const heard = new Heard();
  const listener = bus.listen(heard.handler, heard.onGap);
  for (const interest of [{ author: fakeKey(99) }, ...interests]) await listener.add(interest);
  return heard;
}

describe('a listener', () => {
  it('hears only what somebody asked for', async () => {
    const heard = await listen(gateway, { author: fakeKey(1), kind: KIND.everybody });
    worker.publish([
      liveRecord(fakeRecord({ serial: 1, author: fakeKey(2) })),
      liveRecord(fakeRecord({ serial: 2, author: fakeKey(1), kind: KIND.everybodyToo })),
      liveRecord(fakeRecord({ serial: 3, author: fakeKey(1) })),
    ]);
    await untilHeard(heard);
    expect(heard.serialsOf()).toEqual([3, 999]);
  });

  it('hears private records for readers it named, and no others', async () => {
    const all = [{}, { author: fakeKey(1) }, { kind: KIND.tagged }, { tag: tagBytes(2) }];
    const everybody = await listen(gateway, ...all);
    const reader = await listen(await buses.connect([server]), { reader: fakeKey(2) });
    const record = (serial: number) =>
      fakeRecord({ serial, kind: KIND.tagged, tags: [notifyTag(fakeKey(2))] });
    worker.publish([
      liveRecord(record(1), { role: 'encryption', readers: [fakeKey(1), fakeKey(2)] }),
      liveRecord(record(2), { role: 'encryption', readers: [fakeKey(1)] }),
      liveRecord(record(3), { role: 'encryption', readers: [] }),
    ]);
    await untilHeard(everybody);
    await untilHeard(reader);
    expect(everybody.serialsOf().filter((serial) => serial < 999)).toEqual([]);
    expect(reader.serialsOf().filter((serial) => serial < 999)).toEqual([1]);
  });

  it('hears a record with many tags, or very many, by each of them', async () => {
    const heard = await listen(gateway, { tag: tagBytes(27) }, { tag: tagBytes(200) });
    const tags = Array.from({ length: 100 }, (_, number) => notifyTag(fakeKey(number)));
    worker.publish([liveRecord(fakeRecord({ serial: 0, tags: tags.slice(0, 30) }))]);
    worker.publish([liveRecord(fakeRecord({ serial: 1, tags }))]);
    worker.publish([liveRecord(fakeRecord({ serial: 2, tags: tags.slice(0, 10) }))]);
    await untilHeard(heard);
    expect(heard.serialsOf()).toEqual([0, 1, 999]);
  });

  it('has one subscription per subject, however many want it', async () => {
    const connections = await server.monitor('subsz');
    const before = connections['num_subscriptions'] as number;
    const first = new Heard();
    const listener = gateway.listen(first.handler);
    const other = gateway.listen(new Heard().handler);
    const heard = (): number => gateway.subjectsHeard;
    for (let i = 0; i < 100; i++) await listener.add({ author: fakeKey(1) });
    await other.add({ author: fakeKey(1) });
    expect(heard()).toBe(1);
    const after = (await server.monitor('subsz'))['num_subscriptions'] as number;
    // The record's subject and the beat.
    expect(after - before).toBe(2);
    for (let i = 0; i < 100; i++) listener.remove({ author: fakeKey(1) });
    expect(heard()).toBe(1);
    other.close();
    expect(heard()).toBe(0);
    listener.remove({ author: fakeKey(1) });
  });

  it('of two servers hears nothing of the other namespace', async () => {
    const heard = await listen(gateway, {});
    const stranger = new Buses();
    const foreign = await stranger.connect([server]);
    foreign.publish([liveRecord(fakeRecord({ serial: 5 }))]);
    await foreign.close();
    await untilHeard(heard);
    expect(heard.serialsOf()).not.toContain(5);
  });

  it('is not told of a gap when nothing is missing', async () => {
    const heard = await listen(gateway, {});
    for (let serial = 0; serial < 200; serial++)
      worker.publish([liveRecord(fakeRecord({ serial }))]);
    await worker.offer(liveRecord(fakeRecord({ serial: 500, kind: KIND.ephemeral })));
    worker.publish([liveRecord(fakeRecord({ serial: 501 }))]);
    await untilHeard(heard);
    expect(heard.gaps).toEqual([]);
  });
});

function tagBytes(number: number): Uint8Array {
  return encodeTags([notifyTag(fakeKey(number))]);
}
