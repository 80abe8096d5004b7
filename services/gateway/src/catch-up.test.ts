/** On a bus that loses records, every subscriber still gets each of its records once. */
import type { LiveRecord } from '@mosaic-cluster/bus';
import {
  type FilterElementInput,
  MosaicError,
  type Timestamp,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fakeKey, fakeRecord, KIND, notifyTag, subkeyTag } from '@mosaic-cluster/protocol/testing';
import { LossyBus, nameOf } from '../testing/lossy-bus.ts';
import { at, quiet, type TestClient, TestGateway } from '../testing/test-gateway.ts';
import type { GatewayLimits } from './limits.ts';

const DOUBT = { settleMs: 5_000, marginMs: 10_000 };
const AUTHOR = fakeKey(1);
const MASTER = fakeKey(2);
const SUBKEY = fakeKey(3);
const BY_AUTHOR: readonly FilterElementInput[] = [{ name: 'authors', keys: [AUTHOR] }];

type LossyGateway = TestGateway<LossyBus>;

function lossyGateway(limits: Partial<GatewayLimits> = {}): LossyGateway {
  const gateway = new TestGateway(limits, undefined, (clock) => new LossyBus(clock, DOUBT));
  gateway.outbox.masters = (key) => (key[0] === 3 ? [MASTER] : []);
  gateway.encryption.masters = gateway.outbox.masters;
  gateway.inbox.masters = gateway.outbox.masters;
  return gateway;
}

function now({ clock }: LossyGateway): Timestamp {
  return timestampFromMillis(clock.now());
}

/** Lets time pass a second at a time, and everything happen that is due. */
async function pass(gateway: LossyGateway, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    gateway.clock.advance(1_000);
    await quiet();
  }
}

function store(gateway: LossyGateway, timestamp: number): LiveRecord {
  return gateway.outbox.store(fakeRecord({ timestamp }), { receivedAt: now(gateway) });
}

async function subscribed(gateway: LossyGateway, key?: Uint8Array): Promise<TestClient> {
  const client = gateway.connect(key);
  client.subscribe(7, BY_AUTHOR);
  expect((await client.story()).at(-1)).toBe('complete 7');
  return client;
}

describe('a subscription', () => {
  test('gets what was published before its interest was known everywhere', async () => {
    const gateway = lossyGateway();
    gateway.bus.spreadMs = 4_000;
    const client = await subscribed(gateway);
    gateway.outbox.publish(store(gateway, 1));
    await pass(gateway, 3);
    expect(await client.story()).toEqual([]);
    await pass(gateway, 3);
    expect(await client.story()).toEqual(['record 7 1.0']);
    gateway.outbox.publish(store(gateway, 2));
    expect(await client.story()).toEqual(['record 7 2.0']);
    await pass(gateway, 120);
    expect(await client.story()).toEqual([]);
    expect(gateway.gateway.counters).toMatchObject({ catchUps: 1, recordsCaughtUp: 1 });
    expect(gateway.clock.scheduled).toBe(0);
  });

  test('gets it where the clocks of workers are behind, which shows only later', async () => {
    const doubt = { ...DOUBT };
    const gateway = new TestGateway({}, undefined, (clock) => new LossyBus(clock, doubt));
    const behindMs = 40_000;
    doubt.marginMs += behindMs;
    gateway.bus.spreadMs = 4_000;
    const client = await subscribed(gateway);
    const lost = (timestamp: number): LiveRecord => {
      const receivedAt = timestampFromMillis(gateway.clock.now() - behindMs);
      return gateway.outbox.store(fakeRecord({ timestamp }), { receivedAt });
    };
    gateway.outbox.publish(lost(1));
    await pass(gateway, 6);
    expect(await client.story()).toEqual(['record 7 1.0']);
    gateway.bus.isLosing = true;
    gateway.outbox.publish(lost(2));
    gateway.bus.tellGap(timestampFromMillis(gateway.clock.now() - behindMs - 10_000));
    await pass(gateway, 2);
    expect(await client.story()).toEqual(['record 7 2.0']);
  });

  test('with a limit gets no older records by it', async () => {
    const gateway = lossyGateway();
    for (let timestamp = 1; timestamp <= 5; timestamp++) store(gateway, timestamp);
    gateway.clock.advance(1);
    const client = gateway.connect();
    client.subscribe(7, BY_AUTHOR, 2);
    expect(await client.story()).toEqual(['record 7 5.0', 'record 7 4.0', 'complete 7']);
    gateway.bus.isLosing = true;
    gateway.outbox.publish(
      gateway.outbox.store(fakeRecord({ timestamp: 0, serial: 9 }), { receivedAt: now(gateway) }),
    );
    await pass(gateway, 10);
    expect(await client.story()).toEqual(['record 7 0.9']);
  });

  test('gets what was lost, oldest first, and nothing that it had', async () => {
    const gateway = lossyGateway();
    const client = await subscribed(gateway);
    await pass(gateway, 30);
    gateway.outbox.publish(store(gateway, 5));
    gateway.bus.isLosing = true;
    const since = now(gateway) - 10_000_000_000n;
    for (const timestamp of [9, 3, 6]) {
      gateway.outbox.publish(store(gateway, timestamp));
      await pass(gateway, 1);
    }
    expect(await client.story()).toEqual(['record 7 5.0']);
    gateway.bus.isLosing = false;
    gateway.bus.tellGap(since);
    gateway.outbox.publish(store(gateway, 7));
    expect(await client.story()).toEqual(['record 7 7.0']);
    await pass(gateway, 2);
    expect(await client.story()).toEqual(['record 7 9.0', 'record 7 3.0', 'record 7 6.0']);
    gateway.bus.tellGap(since);
    await pass(gateway, 2);
    expect(await client.story()).toEqual([]);
    expect(gateway.gateway.counters).toMatchObject({ gaps: 2, recordsCaughtUp: 3 });
  });

  test('waits for a role that fails, and is closed in the end', async () => {
    const gateway = lossyGateway();
    const patient = await subscribed(gateway);
    await pass(gateway, 30);
    let isThere = false;
    gateway.inbox.gate = async () => {
      if (!isThere) throw new MosaicError('unavailable', 'bus-timeout', 'away');
    };
    gateway.bus.tellGap(now(gateway));
    await pass(gateway, 30);
    expect(gateway.gateway.counters.catchUpsFailed).toBeGreaterThan(3);
    isThere = true;
    await pass(gateway, 10);
    expect(await patient.story()).toEqual([]);
    isThere = false;
    gateway.bus.tellGap(now(gateway));
    await pass(gateway, 80);
    expect(await patient.story()).toEqual(['closed 7 TEMPORARY_ERROR']);
    expect(gateway.clock.scheduled).toBe(0);
  });

  test('is closed where nobody remembers whether it had a record', async () => {
    const gateway = lossyGateway({ catchUpIdsMax: 2 });
    const client = await subscribed(gateway);
    await pass(gateway, 30);
    const since = now(gateway);
    gateway.outbox.publish(store(gateway, 1), store(gateway, 2), store(gateway, 3));
    await client.story();
    gateway.bus.tellGap(since);
    await pass(gateway, 3);
    expect(await client.story()).toEqual(['closed 7 TEMPORARY_ERROR']);
    expect(gateway.gateway.counters.subscriptionsShed).toBe(1);
  });

  test('is one of a few that look at a time', async () => {
    const gateway = lossyGateway({ catchUpsActiveMax: 2 });
    const clients = await Promise.all(Array.from({ length: 7 }, async () => subscribed(gateway)));
    await pass(gateway, 30);
    let running = 0;
    let most = 0;
    gateway.outbox.gate = async () => {
      running += 1;
      most = Math.max(most, running);
      await quiet();
      running -= 1;
    };
    gateway.bus.isLosing = true;
    gateway.outbox.publish(store(gateway, 1));
    gateway.bus.tellGap(now(gateway));
    await pass(gateway, 20);
    for (const client of clients) expect(await client.story()).toEqual(['record 7 1.0']);
    expect(most).toBe(2);
  });
});

/** Somebody subscribed by a subkey that may come to belong to a master. */
async function scheduled(): Promise<{
  readonly gateway: LossyGateway;
  readonly client: TestClient;
  /** Stores and publishes the master's schedule. */
  readonly schedule: (timestamp: number, subkeys: readonly Uint8Array[]) => void;
  /** Stores and publishes a record for the master. */
  readonly secret: (timestamp: number) => void;
}> {
  const gateway = lossyGateway();
  let masters: readonly Uint8Array[] = [];
  for (const role of [gateway.outbox, gateway.inbox, gateway.encryption]) {
    role.masters = () => masters;
  }
  const client = await subscribed(gateway, SUBKEY);
  await pass(gateway, 30);
  return {
    gateway,
    client,
    schedule: (timestamp, subkeys) => {
      masters = subkeys.length > 0 ? [MASTER] : [];
      const tags = subkeys.map((key) => subkeyTag(key));
      const record = fakeRecord({ timestamp, kind: KIND.keySchedule, author: MASTER, tags });
      gateway.outbox.publish(gateway.outbox.store(record, { receivedAt: now(gateway) }));
    },
    secret: (timestamp) => {
      const options = { receivedAt: now(gateway), readers: [MASTER] };
      gateway.encryption.publish(gateway.encryption.store(fakeRecord({ timestamp }), options));
    },
  };
}

describe('what is listened for', () => {
  test('on behalf of those who subscribe is what concerns them, while they do', async () => {
    const gateway = lossyGateway();
    const hexOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');
    const named = (): string[] => gateway.bus.interests.map(nameOf).sort();
    const one = await subscribed(gateway, SUBKEY);
    const two = await subscribed(gateway, SUBKEY);
    await pass(gateway, 10);
    const ofMaster = (key: Uint8Array): string[] => [
      `reader ${hexOf(key)}`,
      `author ${hexOf(key)}, kind ${hexOf(KIND.keySchedule)}`,
    ];
    expect(named()).toEqual(
      [
        `author ${hexOf(AUTHOR)}`,
        ...ofMaster(SUBKEY),
        ...ofMaster(MASTER),
        `tag 28001000 00000000 ${hexOf(SUBKEY)}`.replaceAll(/(?<=[0-9a-f]) (?=[0-9a-f])/g, ''),
      ].sort(),
    );
    one.unsubscribe(7);
    await quiet();
    expect(named()).toHaveLength(6);
    two.socket.handler.closed();
    await quiet();
    expect(named()).toEqual([]);
    await subscribed(gateway);
    expect(named()).toEqual([`author ${hexOf(AUTHOR)}`]);
  });

  test('follows key schedules', async () => {
    const { gateway, client, schedule, secret } = await scheduled();
    schedule(1, [SUBKEY]);
    await quiet();
    secret(2);
    expect(await client.story()).toEqual(['record 7 2.0']);
    schedule(3, []);
    await quiet();
    secret(4);
    expect(await client.story()).toEqual([]);
    expect(gateway.gateway.counters.gaps).toBe(0);
  });

  test('follows key schedules that nobody heard, with the next gap', async () => {
    const { gateway, client, schedule, secret } = await scheduled();
    gateway.bus.isLosing = true;
    schedule(5, [SUBKEY]);
    await pass(gateway, 2);
    const since = now(gateway);
    secret(6);
    gateway.bus.isLosing = false;
    gateway.bus.tellGap(since);
    await pass(gateway, 10);
    secret(7);
    expect(await client.story()).toEqual(['record 7 6.0', 'record 7 7.0']);
  });

  test('takes its time to be known everywhere, which loses nothing', async () => {
    const { gateway, client, schedule, secret } = await scheduled();
    gateway.bus.spreadMs = 4_000;
    schedule(1, [SUBKEY]);
    await pass(gateway, 1);
    secret(2);
    expect(await client.story()).toEqual([]);
    await pass(gateway, 6);
    secret(3);
    expect(await client.story()).toEqual(['record 7 2.0', 'record 7 3.0']);
  });
});

type Step =
  | { readonly do: 'commit'; readonly who: number; readonly isPrivate: boolean }
  | { readonly do: 'publish'; readonly which: number }
  | { readonly do: 'subscribe'; readonly client: number; readonly id: number }
  | { readonly do: 'pause' | 'read'; readonly client: number }
  | { readonly do: 'lose' | 'find' }
  | { readonly do: 'wait'; readonly ms: number };

const client = fc.integer({ min: 0, max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      who: fc.integer({ min: 1, max: 2 }),
      isPrivate: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('publish' as const), which: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('subscribe' as const),
      client,
      id: fc.integer({ min: 1, max: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pause', 'read'), client }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('lose', 'find') }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(8_000) }),
  },
) as fc.Arbitrary<Step>;

/** Roles that commit, a bus that loses, clients that come and go. */
class LossyWorld {
  readonly gateway: LossyGateway = lossyGateway();
  readonly clients: readonly TestClient[];
  /** By client and query id: what is open. */
  readonly open = new Set<string>();
  readonly #unpublished: { readonly live: LiveRecord; readonly at: number }[] = [];
  readonly #committed: {
    readonly name: string;
    readonly who: number;
    readonly isPrivate: boolean;
  }[] = [];
  #lossFrom: number | undefined;
  #timestamp = 0;

  constructor(spreadMs: number) {
    this.gateway.bus.spreadMs = spreadMs;
    this.clients = [undefined, MASTER, SUBKEY].map((key) => this.gateway.connect(key));
  }

  async run(step: Step): Promise<void> {
    const { gateway } = this;
    switch (step.do) {
      case 'commit':
        this.#commit(step.who, step.isPrivate);
        break;
      case 'publish':
        this.#publish(step.which);
        break;
      case 'subscribe':
        at(this.clients, step.client).subscribe(step.id, [
          { name: 'authors', keys: [fakeKey(step.id)] },
        ]);
        this.#replaced(step.client, step.id);
        break;
      case 'pause':
        at(this.clients, step.client).socket.isReading = false;
        break;
      case 'read':
        at(this.clients, step.client).socket.isReading = true;
        at(this.clients, step.client).socket.read();
        break;
      case 'lose':
        gateway.bus.isLosing = true;
        this.#lossFrom ??= gateway.clock.now();
        break;
      case 'find':
        this.#find();
        break;
      case 'wait':
        gateway.clock.advance(step.ms);
        this.#publishOld();
        break;
    }
    await quiet();
  }

  async finish(): Promise<void> {
    this.#find();
    while (this.#unpublished.length > 0) this.#publish(0);
    for (let turn = 0; turn < 40; turn++) {
      for (const { socket } of this.clients) {
        socket.isReading = true;
        socket.read();
      }
      await pass(this.gateway, 1);
    }
  }

  /** What every open subscription must have been sent. */
  expected(): Map<string, string[]> {
    const all = [...this.open].map((name): [string, string[]] => {
      const [who = 0, id = 0] = name.split('/').map(Number);
      const names = this.#committed
        .filter((record) => record.who === id && (!record.isPrivate || who > 0))
        .map((record) => record.name);
      return [name, names.sort()];
    });
    return new Map(all);
  }

  actual(): Map<string, string[]> {
    const all = [...this.open].map((name): [string, string[]] => {
      const [who = 0, id = 0] = name.split('/').map(Number);
      const story = at(this.clients, who).socket.story();
      const start = `record ${id} `;
      const names = story
        .filter((line) => line.startsWith(start))
        .map((line) => line.slice(start.length));
      return [name, names.sort()];
    });
    return new Map(all);
  }

  #commit(who: number, isPrivate: boolean): void {
    const { gateway } = this;
    this.#timestamp += 1;
    // Not in the order of their time.
    const timestamp = (this.#timestamp * 7) % 50;
    const fields = {
      timestamp,
      serial: this.#timestamp,
      author: fakeKey(who),
      payloadBytes: 9_000,
    };
    const receivedAt = now(gateway);
    const role = isPrivate ? gateway.encryption : gateway.outbox;
    const record = fakeRecord({ ...fields, tags: [notifyTag(MASTER)] });
    const readers = isPrivate ? [MASTER] : undefined;
    const live = role.store(record, { receivedAt, readers });
    this.#unpublished.push({ live, at: gateway.clock.now() });
    this.#committed.push({ name: `${timestamp}.${this.#timestamp}`, who, isPrivate });
  }

  #publish(which: number): void {
    const { length } = this.#unpublished;
    const [next] = this.#unpublished.splice(which % Math.max(1, length), 1);
    if (next !== undefined) this.gateway.outbox.publish(next.live);
  }

  /** Nothing is published later after its commit than the bus allows for. */
  #publishOld(): void {
    for (;;) {
      const [oldest] = this.#unpublished;
      if (oldest === undefined || oldest.at > this.gateway.clock.now() - 4_000) return;
      this.#publish(0);
    }
  }

  #find(): void {
    const from = this.#lossFrom;
    this.gateway.bus.isLosing = false;
    this.#lossFrom = undefined;
    if (from !== undefined) {
      this.gateway.bus.tellGap(timestampFromMillis(from - DOUBT.marginMs));
    }
  }

  /** A query id that is used again starts anew. */
  #replaced(who: number, id: number): void {
    const { socket } = at(this.clients, who);
    const kept = socket.sent.filter(
      (_, i) => !(socket.story()[i] ?? '').startsWith(`record ${id} `),
    );
    socket.sent.splice(0, socket.sent.length, ...kept);
    this.open.add(`${who}/${id}`);
  }
}

test('every subscription gets each of its records once, whatever is lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 80 }),
      fc.constantFrom(0, 500, 4_000),
      async (steps, spreadMs) => {
        const world = new LossyWorld(spreadMs);
        for (const each of steps) await world.run(each);
        await world.finish();
        expect(world.actual()).toEqual(world.expected());
        const closed = world.clients.flatMap(({ socket }) =>
          socket.story().filter((line) => line.startsWith('closed')),
        );
        expect(closed).toEqual([]);
      },
    ),
    { numRuns: 150 },
  );
});

describe('while nobody can tell whom keys act for', () => {
  const notWhole = async (): Promise<never> => {
    throw new MosaicError('unavailable', 'index-not-whole', 'the record index is being made anew');
  };

  test('a key reads for itself, and gets what it missed for its master when that is known', async () => {
    const gateway = lossyGateway();
    const roles = [gateway.outbox, gateway.inbox, gateway.encryption];
    const telling = roles.map((role) => role.identities.bind(role));
    const { masters } = gateway.outbox;
    for (const role of roles) {
      role.identities = notWhole;
      role.masters = () => [];
    }
    const client = await subscribed(gateway, SUBKEY);
    const forOne = (timestamp: number, reader: Uint8Array): LiveRecord =>
      gateway.encryption.store(
        fakeRecord({ timestamp, kind: KIND.tagged, tags: [notifyTag(reader)] }),
        { receivedAt: now(gateway), readers: [AUTHOR, reader] },
      );
    gateway.encryption.publish(forOne(1, MASTER));
    gateway.encryption.publish(forOne(2, SUBKEY));
    await pass(gateway, 60);
    expect(await client.story()).toEqual(['record 7 2.0']);
    roles.forEach((role, i) => {
      role.identities = telling[i]!;
      role.masters = masters;
    });
    await pass(gateway, 60);
    expect(await client.story()).toEqual(['record 7 1.0']);
    gateway.encryption.publish(forOne(3, MASTER));
    expect(await client.story()).toEqual(['record 7 3.0']);
  });

  test('nothing is asked any more for one that has left', async () => {
    const gateway = lossyGateway();
    for (const role of [gateway.outbox, gateway.inbox, gateway.encryption]) {
      role.identities = notWhole;
    }
    const client = await subscribed(gateway, SUBKEY);
    client.socket.handler.closed();
    await pass(gateway, 120);
    expect(gateway.clock.scheduled).toBe(0);
  });
});
