/** On a bus that loses records, every subscriber still gets each of his records once, whatever happens. */
import type { LiveRecord } from '@mosaic-cluster/bus';
import { timestampFromMillis } from '@mosaic-cluster/protocol';
import { fakeKey, fakeRecord, notifyTag } from '@mosaic-cluster/protocol/testing';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  DOUBT,
  type LossyGateway,
  MASTER,
  SUBKEY,
  lossyGateway,
  now,
  pass,
} from '../../testing/lossy-gateway.ts';
import { at, quiet, type TestClient } from '../../testing/test-gateway.ts';

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
