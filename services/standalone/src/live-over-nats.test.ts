/**
 * Gateways and roles as processes of their own would be, over real NATS servers that freeze, die
 * and come back: every subscriber gets every record that matches, once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  attestSubkey,
  buildFilter,
  buildKeySchedule,
  compileFilter,
  equalBytes,
  type FilterElementInput,
  hexEncode,
  type PublicKey,
  type RecordView,
  RESULT,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { untilRouted, waitFor } from '@mosaic-cluster/test-servers';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { author, kindWith, notifying, recordBy } from '../testing/authors.ts';
import { TestCluster, type ClusterOptions } from '../testing/cluster.ts';
import type { ClusterClient } from '../testing/cluster-client.ts';

const PEOPLE = [author(0), author(1), author(2)] as const;
const SECRET = kindWith({ audience: 'author-and-tagged' });
const OTHER = kindWith({ applicationKind: 2 });
/** Each takes some ten seconds. */
const RUNS = 3;

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

async function start(options?: ClusterOptions): Promise<TestCluster> {
  cluster = await TestCluster.start(options);
  return cluster;
}

function person(n: number): (typeof PEOPLE)[number] {
  return PEOPLE[n % PEOPLE.length]!;
}

let timestamps = 0;
/** A record of now that is like no other. */
function newRecord(
  writer: number,
  more: { isPrivate?: boolean; notifies?: number } = {},
): RecordView {
  timestamps += 1;
  return recordBy(person(writer), {
    timestamp: timestampFromMillis(Date.now()) + BigInt(timestamps),
    kind: more.isPrivate === true ? SECRET : timestamps % 3 === 0 ? OTHER : kindWith(),
    tags: more.notifies === undefined ? [] : [notifying(person(more.notifies))],
  });
}

const authoredBy = (...writers: number[]): FilterElementInput[] => [
  { name: 'authors', keys: writers.map((writer) => person(writer).key) },
];

/** The only subscription that a client has. */
function idsOf(client: ClusterClient): readonly string[] {
  const [life] = [...client.lives.values()];
  return life?.isComplete ? life.ids : [];
}

describe('records published at one gateway', () => {
  it('reach subscribers of the other, public and private', async () => {
    const running = await start();
    const reader = running.connect(0, person(1).key);
    const stranger = running.connect(0);
    for (const client of [reader, stranger]) client.subscribe(authoredBy(0));
    await waitFor('subscriptions', async () => [reader, stranger].every(isComplete));
    const writer = running.connect(1, person(0).key);
    const open = newRecord(0);
    const secret = newRecord(0, { isPrivate: true, notifies: 1 });
    const foreign = newRecord(0, { isPrivate: true, notifies: 2 });
    for (const record of [open, secret, foreign]) await writer.publish(record);
    await waitFor('both records', async () => idsOf(reader).length >= 2);
    expect([...idsOf(reader)].sort()).toEqual([hexEncode(open.id), hexEncode(secret.id)].sort());
    expect(idsOf(stranger)).toEqual([hexEncode(open.id)]);
  });

  it('reach a key as soon as a key schedule lets it read', async () => {
    const running = await start();
    const subkey = author(9);
    const reader = running.connect(0, subkey.key);
    reader.subscribe(authoredBy(0));
    await waitFor('the subscription', async () => isComplete(reader));
    const writer = running.connect(1, person(0).key);
    await writer.publish(newRecord(0, { isPrivate: true, notifies: 2 }));
    const attestation = attestSubkey(subkey.secret, person(1).key);
    const schedule = buildKeySchedule({
      masterSecretKey: person(1).secret,
      timestamp: timestampFromMillis(Date.now()),
      entries: [{ marker: 'activeSigning', attestation, revokedAt: 1n }],
    });
    await running.connect(1, person(1).key).publish(schedule);
    const secret = newRecord(0, { isPrivate: true, notifies: 1 });
    await writer.publish(secret);
    await waitFor('the record', async () => idsOf(reader).length >= 1);
    expect(idsOf(reader)).toEqual([hexEncode(secret.id)]);
  });

  it('are asked for only where somebody may want them', async () => {
    const running = await start();
    const [gateway] = running.gateways;
    const client = running.connect(0, person(1).key);
    client.subscribe(authoredBy(0));
    await waitFor('the subscription', async () => isComplete(client));
    const writer = running.connect(1);
    await writer.publish(newRecord(2));
    await writer.publish(newRecord(0));
    await waitFor('the record', async () => idsOf(client).length === 1);
    expect(gateway?.gateway.counters.liveRecords).toBe(1);
    // Its author, private records and schedules for the reader, and five for schedules listing it.
    expect(gateway?.bus.subjectsHeard).toBe(8);
    client.close();
    await waitFor('nothing to be heard', async () => gateway?.bus.subjectsHeard === 0);
  });
});

describe('a role that is away', () => {
  it('leaves answers incomplete, which they say, and comes back', async () => {
    const running = await start({ bus: { requestTimeoutMs: 1_000 } });
    const client = running.connect(0, person(0).key);
    const record = newRecord(0);
    await client.publish(record);
    const encryption = running.workers.find(({ role }) => role === 'encryption');
    encryption?.stop();
    const expected = { ids: [hexEncode(record.id)], result: RESULT.TEMPORARY_ERROR };
    await waitFor('its absence', async () => {
      const answer = await client.query(authoredBy(0));
      return answer.result === expected.result && answer.ids.length === 1;
    });
    const anonymous = running.connect(0);
    expect((await anonymous.query(authoredBy(0))).result).toBe(RESULT.SUCCESS);
    expect(await client.submit(newRecord(0, { isPrivate: true }))).toBe(RESULT.TEMPORARY_ERROR);
    encryption?.serve();
    await client.publish(newRecord(0, { isPrivate: true }));
    await waitFor('whole answers', async () => {
      const { ids, result } = await client.query(authoredBy(0));
      return result === RESULT.SUCCESS && ids.length === 2;
    });
  });

  it('is not needed to know whom a client acts for', async () => {
    const running = await start();
    running.workers.find(({ role }) => role === 'outbox')?.stop();
    const client = running.connect(0, person(0).key);
    const kinds: FilterElementInput = { name: 'kinds', kinds: [SECRET] };
    client.subscribe([...authoredBy(0), kinds]);
    await waitFor('the subscription', async () => isComplete(client));
    await client.publish(newRecord(0, { isPrivate: true }));
    await waitFor('the record', async () => idsOf(client).length === 1);
  });

  it('gives back what waited for it when it falls silent', async () => {
    const running = await start({
      bus: { requestTimeoutMs: 400 },
      gateway: { submissionBatchesInFlightMax: 1, streamsActiveMax: 1 },
    });
    const client = running.connect(0);
    const outbox = running.workers.find(({ role }) => role === 'outbox');
    outbox?.freeze();
    const results = await Promise.all([
      client.submit(newRecord(0)),
      client.query(authoredBy(0)).then(({ result }) => result),
      client.query(authoredBy(1)).then(({ result }) => result),
    ]);
    expect(results).toEqual(results.map(() => RESULT.TEMPORARY_ERROR));
    outbox?.thaw();
    await client.publish(newRecord(0));
    expect((await client.query(authoredBy(0))).result).toBe(RESULT.SUCCESS);
    expect(running.gateways[0]?.gateway.counters).toMatchObject({
      submissionsInFlight: 0,
      queriesOpen: 0,
    });
  });
});

it('a client that does not read causes no more pages to be asked for', async () => {
  const running = await start({ gateway: { pageBytesMax: 65_536 } });
  const writer = running.connect(1);
  const count = 60;
  const payload = new Uint8Array(20_000);
  const records = Array.from({ length: count }, (_, i) =>
    recordBy(person(0), { timestamp: timestampFromMillis(Date.now()) + BigInt(i), payload }),
  );
  await Promise.all(records.map((record) => writer.publish(record)));
  const client = running.connect(0);
  client.isReading = false;
  const answer = client.query(authoredBy(0));
  const { counters } = running.gateways[0]!.gateway;
  const served = (): number =>
    running.workers.reduce((sum, { bus }) => sum + bus.counters.served, 0);
  await waitFor('the socket to fill', async () => counters.recordsStored >= 7);
  await running.gateways[0]!.bus.ping(5_000);
  const before = served();
  // As many round trips as all pages would take.
  for (let i = 0; i < 30; i++) await running.gateways[0]!.bus.ping(5_000);
  expect(counters.recordsStored).toBeLessThan(20);
  expect(served()).toBe(before);
  client.read();
  expect(await answer).toMatchObject({ result: RESULT.SUCCESS, ids: { length: count } });
});

interface Publication {
  readonly gateway: number;
  readonly writer: number;
  readonly notifies: number | undefined;
  readonly isPrivate: boolean;
}

type Step =
  | { readonly do: 'subscribe'; readonly client: number; readonly filter: FilterElementInput[] }
  | { readonly do: 'publish'; readonly publications: readonly Publication[]; readonly ms: number }
  /** While this is published. */
  | {
      readonly do: 'freeze' | 'kill';
      readonly server: number;
      readonly publications: readonly Publication[];
      readonly ms: number;
    };

const someone = fc.nat(2);
const publications: fc.Arbitrary<Publication[]> = fc.array(
  fc.record({
    gateway: fc.nat(1),
    writer: someone,
    notifies: fc.option(someone, { nil: undefined }),
    isPrivate: fc.boolean(),
  }),
  { minLength: 3, maxLength: 20 },
);
const subscribing: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('subscribe' as const),
  client: fc.nat(3),
  filter: fc.oneof(
    fc.uniqueArray(someone, { minLength: 1 }).map((writers) => authoredBy(...writers)),
    someone.map((n): FilterElementInput[] => [
      { name: 'includedTags', tags: [notifying(person(n))] },
    ]),
    fc.constant<FilterElementInput[]>([{ name: 'kinds', kinds: [OTHER, SECRET] }]),
  ),
});
const publishing: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('publish' as const),
  publications,
  ms: fc.nat(1_000),
});
const disturbing: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('freeze' as const, 'kill' as const),
  server: fc.nat(1),
  publications,
  ms: fc.integer({ min: 200, max: 2_500 }),
});
/** Some subscribe early, so that they have settled before anything goes wrong. */
const steps: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.array(subscribing, { minLength: 2, maxLength: 8 }),
    fc.array(fc.oneof(subscribing, publishing, disturbing, disturbing), {
      minLength: 4,
      maxLength: 7,
    }),
  )
  .map(([early, later]) => [
    ...early,
    { do: 'publish', publications: [], ms: 1_500 } as const,
    ...later,
  ]);

/** A cluster under a test's hands, and what it must deliver. */
class World {
  readonly clients: readonly {
    readonly client: ClusterClient;
    readonly key: PublicKey | undefined;
  }[];
  readonly #cluster: TestCluster;
  readonly #publishers: readonly ClusterClient[];
  readonly #records: RecordView[] = [];
  readonly #publishing: Promise<unknown>[] = [];

  constructor(running: TestCluster) {
    this.#cluster = running;
    this.#publishers = [running.connect(0), running.connect(1)];
    const keys = [undefined, undefined, person(1).key, person(2).key];
    this.clients = keys.map((key, i) => ({ client: running.connect(i, key), key }));
  }

  async run(step: Step): Promise<void> {
    if (step.do === 'subscribe') {
      this.clients[step.client]!.client.subscribe(step.filter);
      return;
    }
    const trouble =
      step.do === 'publish' ? undefined : this.#disturb(step.do, step.server, step.ms);
    for (const publication of step.publications) {
      this.#publish(publication);
      await delay(step.ms / step.publications.length);
    }
    await (trouble ?? delay(step.publications.length === 0 ? step.ms : 0));
  }

  /** Waits until everybody has everything. */
  async settle(): Promise<void> {
    await untilRouted(this.#cluster.servers);
    await Promise.all(this.#publishing);
    const hasAll = waitFor('everything', async () => this.missing().length === 0);
    await hasAll.catch((cause: unknown) => {
      throw new Error(this.missing().join('; '), { cause });
    });
    // What comes twice comes with the look after settling, or with a late gap.
    await delay(2_000);
  }

  /** Subscriptions that have not what they should, in a few words. */
  missing(): string[] {
    return this.clients.flatMap(({ client, key }, who) =>
      [...client.lives.values()].flatMap((life) => {
        const matcher = compileFilter(buildFilter(life.elements));
        const expected = this.#records
          .filter((record) => matcher.matches(record, 0n) && mayRead(record, key))
          .map((record) => hexEncode(record.id));
        const has = [...life.ids].sort();
        const isRight = life.isComplete && String(has) === String(expected.sort());
        return isRight ? [] : [`client ${who}: ${has.length} of ${expected.length}`];
      }),
    );
  }

  #publish({ gateway, writer, notifies, isPrivate }: Publication): void {
    const more = notifies === undefined ? { isPrivate } : { isPrivate, notifies };
    const record = newRecord(writer, more);
    this.#records.push(record);
    this.#publishing.push(this.#publishers[gateway]!.publish(record));
  }

  async #disturb(how: 'freeze' | 'kill', number: number, ms: number): Promise<void> {
    const server = this.#cluster.servers[number]!;
    if (how === 'freeze') {
      server.pause();
      await delay(ms);
      server.resume();
      return;
    }
    await server.kill();
    await delay(ms / 4);
    await server.restart();
    await untilRouted(this.#cluster.servers);
  }
}

function mayRead(record: RecordView, key: PublicKey | undefined): boolean {
  if (record.audience === 'everybody') return true;
  if (key === undefined) return false;
  const tags = Buffer.from(record.bytes.subarray(152, record.tagsEnd));
  return equalBytes(record.author, key) || tags.includes(Buffer.from(key));
}

it('every subscription gets each of its records once, whatever becomes of the servers', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const running = await TestCluster.start();
      try {
        const world = new World(running);
        for (const step of list) await world.run(step);
        await world.settle();
        expect(world.missing()).toEqual([]);
      } finally {
        await running.close();
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
}, 240_000);

function isComplete(client: ClusterClient): boolean {
  return [...client.lives.values()].every((life) => life.isComplete);
}
