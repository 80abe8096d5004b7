/** Nothing is lost and nothing comes twice between stored and live records. */
import { timestampFromMillis } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fakeKey, fakeRecord } from '@mosaic-cluster/protocol/testing';
import { quiet, TestGateway } from '../../testing/test-gateway.ts';

const BY_AUTHOR = [{ name: 'authors', keys: [fakeKey(1)] }] as const;

/**
 * One step of the world around a subscription. Records become visible to queries first and are
 * published later, each once, whatever else happens in between.
 */
type Step =
  | { readonly do: 'commit'; readonly timestamp: number }
  | { readonly do: 'publish'; readonly which: number }
  | { readonly do: 'answer'; readonly which: number }
  | { readonly do: 'pause' | 'read' | 'wait' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('commit' as const), timestamp: fc.nat({ max: 40 }) }),
  fc.record({ do: fc.constant('publish' as const), which: fc.nat({ max: 5 }) }),
  fc.record({ do: fc.constant('answer' as const), which: fc.nat({ max: 3 }) }),
  fc.record({ do: fc.constantFrom('pause' as const, 'read' as const, 'wait' as const) }),
);

/** A gateway whose pages come when they are told to, and one client. */
class SeamWorld {
  readonly test: TestGateway;
  readonly client: ReturnType<TestGateway['connect']>;
  readonly unpublished: ReturnType<TestGateway['outbox']['store']>[] = [];
  readonly waiting: (() => void)[] = [];
  readonly committed: string[] = [];
  #serial = 0;

  constructor(key: Uint8Array | undefined) {
    this.test = new TestGateway();
    this.client = this.test.connect(key);
    for (const role of [this.test.outbox, this.test.inbox, this.test.encryption]) {
      role.pageRecordsMax = 2;
      // Half of the answers are computed when asked, half when told to answer.
      let asked = 0;
      const query = role.query.bind(role);
      role.query = async (request) => {
        asked += 1;
        const early = asked % 2 === 0 ? await query(request) : undefined;
        await this.#told();
        return early ?? query(request);
      };
    }
  }

  commit(timestamp: number): void {
    this.#serial += 1;
    const role = this.#serial % 3 === 0 ? this.test.inbox : this.test.outbox;
    const record = fakeRecord({ timestamp, serial: this.#serial, payloadBytes: 20_000 });
    const receivedAt = timestampFromMillis(this.test.clock.now());
    this.unpublished.push(role.store(record, { receivedAt }));
    this.committed.push(`${timestamp}.${this.#serial}`);
  }

  run(step: Step): void {
    const { client, test, unpublished, waiting } = this;
    switch (step.do) {
      case 'commit':
        this.commit(step.timestamp);
        break;
      case 'publish': {
        const [live] = unpublished.splice(step.which % Math.max(1, unpublished.length), 1);
        if (live !== undefined) test.outbox.publish(live);
        break;
      }
      case 'answer':
        waiting.splice(step.which % Math.max(1, waiting.length), 1)[0]?.();
        break;
      case 'pause':
        client.socket.isReading = false;
        break;
      case 'read':
        client.socket.isReading = true;
        client.socket.read();
        break;
      case 'wait':
        break;
    }
  }

  /** Lets everything come to its end. */
  async finish(): Promise<void> {
    this.client.socket.isReading = true;
    for (let turn = 0; turn < 200; turn++) {
      this.client.socket.read();
      this.waiting.splice(0).forEach((answer) => answer());
      await quiet();
      if (this.waiting.length === 0 && turn > 2) break;
    }
    this.test.outbox.publish(...this.unpublished.splice(0));
    await quiet();
    this.client.socket.read();
    await quiet();
  }

  #told(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
    });
  }
}

function recordsOf(story: readonly string[]): string[] {
  return story.filter((line) => line.startsWith('record 7 ')).map((line) => line.slice(9));
}

describe('the seam between stored and live records', () => {
  const steps = fc.array(step, { maxLength: 60 });

  test('has no gap and no repetition, whatever comes in which order', async () => {
    await fc.assert(
      fc.asyncProperty(steps, steps, fc.boolean(), async (before, after, isKnown) => {
        const world = new SeamWorld(isKnown ? fakeKey(1) : undefined);
        for (const step of before) world.run(step);
        world.client.subscribe(7, BY_AUTHOR);
        for (const step of after) {
          world.run(step);
          if (step.do !== 'publish') await quiet();
        }
        await world.finish();
        const story = world.client.socket.takeStory();
        expect(recordsOf(story).sort()).toEqual([...world.committed].sort());
        expect(story.filter((line) => line === 'complete 7')).toHaveLength(1);
        expect(story.filter((line) => line.startsWith('closed'))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test('counts stored records only towards the limit', async () => {
    await fc.assert(
      fc.asyncProperty(steps, steps, fc.integer({ min: 1, max: 4 }), async (before, after, n) => {
        const world = new SeamWorld(undefined);
        for (const step of before) world.run(step);
        world.test.outbox.publish(...world.unpublished.splice(0));
        const storedBefore = [...world.committed];
        world.client.subscribe(7, BY_AUTHOR, n);
        await quiet();
        for (const step of after) world.run(step);
        await world.finish();
        const story = world.client.socket.takeStory();
        const complete = story.indexOf('complete 7');
        const stored = recordsOf(story.slice(0, complete));
        const all = recordsOf(story);
        expect(stored.length).toBeLessThanOrEqual(n);
        expect(stored.length).toBeGreaterThanOrEqual(Math.min(n, storedBefore.length));
        expect(new Set(all).size).toBe(all.length);
        const later = world.committed.slice(storedBefore.length);
        expect(later.every((name) => all.includes(name))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('shows nothing of a subscription that another request replaced', async () => {
    await fc.assert(
      fc.asyncProperty(steps, steps, steps, async (before, between, after) => {
        const world = new SeamWorld(undefined);
        for (const step of before) world.run(step);
        world.client.subscribe(7, BY_AUTHOR);
        for (const step of between) {
          world.run(step);
          await quiet();
        }
        world.client.socket.sent.length = 0;
        world.client.query(7, [{ name: 'authors', keys: [fakeKey(2)] }]);
        for (const step of after) {
          world.run(step);
          await quiet();
        }
        await world.finish();
        expect(world.client.socket.takeStory()).toEqual(['closed 7 SUCCESS']);
        expect(world.test.gateway.counters).toMatchObject({ subscriptionsOpen: 0, queriesOpen: 0 });
      }),
      { numRuns: 60 },
    );
  });
});

describe('a seam has bounds', () => {
  test('of what it holds', async () => {
    const test = new TestGateway({ heldRecordsMax: 3 });
    test.outbox.gate = () => new Promise(() => {});
    const client = test.connect();
    client.subscribe(7, BY_AUTHOR);
    await quiet();
    for (let timestamp = 1; timestamp <= 3; timestamp++) {
      test.outbox.publish(test.outbox.store(fakeRecord({ timestamp })));
    }
    expect(await client.story()).toEqual([]);
    test.outbox.publish(test.outbox.store(fakeRecord({ timestamp: 4 })));
    expect(await client.story()).toEqual(['closed 7 TEMPORARY_ERROR']);
  });

  test('of what it remembers', async () => {
    const test = new TestGateway({ seamIdsMax: 3 });
    const receivedAt = timestampFromMillis(test.clock.now());
    for (let timestamp = 1; timestamp <= 4; timestamp++) {
      test.outbox.store(fakeRecord({ timestamp }), { receivedAt });
    }
    const client = test.connect();
    client.subscribe(7, BY_AUTHOR);
    expect((await client.story()).at(-1)).toBe('closed 7 TEMPORARY_ERROR');
  });
});

test('what is held follows a reader who pauses, at the pace of the reading', async () => {
  const test = new TestGateway();
  let open = (): void => {};
  test.inbox.gate = () =>
    new Promise((resolve) => {
      open = resolve;
    });
  const client = test.connect();
  client.subscribe(7, BY_AUTHOR);
  await quiet();
  client.socket.isReading = false;
  const count = 30;
  for (let timestamp = 0; timestamp < count; timestamp++) {
    const record = fakeRecord({ timestamp, payloadBytes: 50_000 });
    test.outbox.publish(test.outbox.store(record));
  }
  test.outbox.stored.length = 0;
  open();
  await quiet();
  expect(client.socket.bufferedBytes).toBeLessThan(400_000);
  test.outbox.publish(test.outbox.store(fakeRecord({ timestamp: count })));
  for (let turn = 0; turn < count; turn++) {
    client.socket.read();
    await quiet();
  }
  const expected = Array.from({ length: count + 1 }, (_, at) => `record 7 ${at}.0`);
  expect(client.socket.takeStory()).toEqual(['complete 7', ...expected]);
});
