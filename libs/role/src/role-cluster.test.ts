/** Several workers on one log and one index, on real servers. */
import {
  buildFilter,
  MosaicError,
  type RecordView,
  type ResultName,
  resultName,
} from '@mosaic-cluster/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ClusterRoles, ClusterServers, recordsOf } from '../testing/cluster-roles.ts';
import { intercept } from '../testing/intercept.ts';
import { kind, moment, person, record, schedule } from '../testing/people.ts';
import { idOf } from '../testing/test-roles.ts';

const ALICE = person(0);
const SUBKEY = person(10);
const REPLACEABLE = kind({ duplicateHandling: 'replaceable' });
const ALL = buildFilter([{ name: 'kinds', kinds: [kind()] }]);
const broken = new MosaicError('unavailable', 'redis-down', 'no');

/** Real servers take their time on a busy machine. */
const PATIENT = { timeout: 120_000 } as const;
const SOON = { timeout: 60_000 } as const;

let servers: ClusterServers;
let cluster: ClusterRoles;
beforeAll(async () => {
  servers = await ClusterServers.start();
}, 120_000);
afterAll(() => servers.stop());
beforeEach(() => {
  cluster = servers.cluster();
});
afterEach(() => cluster.close());

const numbered = (n: number): RecordView => record(ALICE, { timestamp: moment(n) });
const version = (n: number): RecordView =>
  record(ALICE, { timestamp: moment(n), kind: REPLACEABLE, payload: Buffer.from(`${n}`) });
const active = (n: number): RecordView =>
  schedule(ALICE, moment(n), [{ subkey: SUBKEY, marker: 'activeSigning' }]);
const revoked = (n: number): RecordView =>
  schedule(ALICE, moment(n), [{ subkey: SUBKEY, marker: 'revokedAll', revokedAt: 1n }]);
const bySubkey = (n: number): RecordView => record(ALICE, { signer: SUBKEY, timestamp: moment(n) });

describe('workers on one log and one index', PATIENT, () => {
  it('find what any of them has accepted, and answer DUPLICATE for it', async () => {
    const [a, b] = [await cluster.worker(), await cluster.worker()];
    const own = Array.from({ length: 40 }, (_, n) => numbered(n));
    await Promise.all(own.map((each, n) => (n % 2 === 0 ? a : b).submit(each)));
    const expected = own
      .map((each) => idOf(each))
      .toSorted()
      .toReversed();
    expect(await a.query(ALL)).toEqual(expected);
    expect(await b.query(ALL)).toEqual(expected);
    expect(new Set(await b.submit(...own))).toEqual(new Set(['DUPLICATE']));
    expect(cluster.live).toHaveLength(40);
  });

  it('find a record once that both got at the same time', async () => {
    const [a, b] = [await cluster.worker(), await cluster.worker()];
    for (let n = 0; n < 20; n++) {
      const results = (await Promise.all([a, b].map((each) => each.submit(numbered(n))))).flat();
      expect(results).toContain('ACCEPTED');
      for (const each of results) expect(['ACCEPTED', 'DUPLICATE']).toContain(each);
    }
    expect(await a.query(ALL)).toHaveLength(20);
    expect(await a.index.count()).toBe(20);
    expect(cluster.live).toHaveLength(20);
  });

  it('agree on the newest of a replaceable record, whoever gets which first', async () => {
    const workers = [await cluster.worker(), await cluster.worker(), await cluster.worker()];
    const versions = Array.from({ length: 60 }, (_, n) => version((n * 37) % 60));
    const results = await Promise.all(versions.map((each, n) => workers[n % 3]!.submit(each)));
    expect(new Set(results.flat())).toEqual(new Set(['ACCEPTED']));
    const filter = buildFilter([{ name: 'kinds', kinds: [REPLACEABLE] }]);
    for (const each of workers) expect(await each.query(filter)).toEqual([idOf(version(59))]);
    expect(await workers[0]!.index.count()).toBe(1);
    // One more comes to know the log while the others go on.
    const late = await cluster.worker();
    await Promise.all([...workers, late].map((each, n) => each.submit(version(100 + n))));
    expect(await late.query(filter)).toEqual([idOf(version(103))]);
  });

  it('start while others have moved on, on what they left', async () => {
    const a = await cluster.worker();
    const b = await cluster.worker();
    await a.submit(numbered(1));
    await b.submit(numbered(2));
    // The log that b opened knows nothing of this.
    await a.submit(numbered(3));
    expect(await b.worker.recover()).toBe(3);
    const late = await cluster.worker();
    expect(late.keeper.state).toEqual({ is: 'whole' });
    expect(await late.query(ALL)).toHaveLength(3);
  });

  it('refuse to start where the log is not the one of the index', async () => {
    const a = await cluster.worker();
    await a.index.add([], Uint8Array.of(0xe6, 0x77, 0xd2, 0x1f, 0xdb, 0xff, 0, 0, 0, 0));
    await expect(cluster.worker()).rejects.toMatchObject({ code: 'index-ahead' });
  });
});

describe('key schedules that another worker has taken', PATIENT, () => {
  it('admit the subkey at once, and stop admitting it once revoked', async () => {
    const [a, b] = [await cluster.worker(), await cluster.worker()];
    expect(await b.submit(bySubkey(1))).toEqual(['UNAUTHORIZED']);
    expect(await a.submit(active(1))).toEqual(['ACCEPTED']);
    expect(await b.submit(bySubkey(1))).toEqual(['ACCEPTED']);
    expect(await b.query(ALL)).toEqual([idOf(bySubkey(1))]);
    expect(await a.submit(revoked(2))).toEqual(['ACCEPTED']);
    expect(await b.submit(bySubkey(2))).toEqual(['UNAUTHORIZED']);
    expect(await b.query(ALL)).toEqual([]);
    expect(await b.worker.identities(SUBKEY.key)).toHaveLength(1);
  });

  it('admit at once whom another worker has just turned away', async () => {
    const [a, b] = [await cluster.worker(), await cluster.worker({ isDeaf: true })];
    const own = record(ALICE, { fromAuthor: true, timestamp: moment(1) });
    const submit = async (): Promise<(ResultName | undefined)[]> => {
      const results = await b.worker.submit([{ record: own, submitter: SUBKEY.key }]);
      return results.map((result) => resultName(result));
    };
    expect(await submit()).toEqual(['UNAUTHORIZED']);
    await a.submit(active(1));
    expect(await submit()).toEqual(['ACCEPTED']);
    expect(await b.worker.identities(SUBKEY.key)).toHaveLength(2);
  });

  it('admit the subkey also where somebody else asked before they came', async () => {
    const a = await cluster.worker();
    let opened = (): void => {};
    let gate: Promise<void> | undefined = new Promise((resolve) => {
      opened = resolve;
    });
    let reads = 0;
    const b = await cluster.worker({
      isDeaf: true,
      wrapIndex: (index) =>
        intercept(index, {
          scan: async (...range) => {
            const found = await index.scan(...range);
            reads += 1;
            await gate;
            return found;
          },
        }),
    });
    const early = b.directory.newest(ALICE.key);
    await expect.poll(() => reads).toBe(1);
    await a.submit(active(1));
    const late = b.submit(bySubkey(1), bySubkey(2));
    gate = undefined;
    opened();
    expect(await early).toBeUndefined();
    expect(await late).toEqual(['ACCEPTED', 'ACCEPTED']);
  });

  it('are honoured within the stated time by one that does not hear of them', async () => {
    const a = await cluster.worker();
    const b = await cluster.worker({ isDeaf: true, believedMs: 200 });
    expect(await b.submit(bySubkey(1))).toEqual(['UNAUTHORIZED']);
    await a.submit(active(1));
    // What it refused it looks up again.
    expect(await b.submit(bySubkey(1))).toEqual(['ACCEPTED']);
    expect(await b.worker.identities(SUBKEY.key)).toHaveLength(2);
    await a.submit(revoked(2));
    await expect.poll(() => b.query(ALL), SOON).toEqual([]);
    await expect.poll(() => b.worker.identities(SUBKEY.key), SOON).toHaveLength(1);
    expect(await b.submit(bySubkey(2))).toEqual(['UNAUTHORIZED']);
  });
});

describe('a worker that fails', PATIENT, () => {
  it('between log and index has told nobody, and the next start brings it in', async () => {
    const dying = await cluster.worker({
      wrapIndex: (index) => intercept(index, { add: () => Promise.reject(broken) }),
    });
    const a = await cluster.worker();
    // From now on it looks at nothing but what it gets itself.
    await expect.poll(() => a.states, SOON).toContain('caught up');
    expect(await dying.submit(numbered(1), numbered(2))).toEqual([
      'TEMPORARY_ERROR',
      'TEMPORARY_ERROR',
    ]);
    await dying.close();
    expect(await a.submit(numbered(3))).toEqual(['ACCEPTED']);
    expect(await a.query(ALL)).toEqual([idOf(numbered(3))]);
    await cluster.worker();
    await expect.poll(() => a.query(ALL), SOON).toHaveLength(3);
    expect(await a.submit(numbered(1))).toEqual(['DUPLICATE']);
  });

  it('to write the index for a while holds up nobody, and brings in what is its own', async () => {
    let fault: Error | undefined;
    const b = await cluster.worker({
      wrapIndex: (index) =>
        intercept(index, {
          add: (...args) => (fault === undefined ? index.add(...args) : Promise.reject(fault)),
        }),
    });
    const a = await cluster.worker();
    await b.submit(numbered(0));
    fault = broken;
    expect(await b.submit(numbered(1))).toEqual(['TEMPORARY_ERROR']);
    expect(b.worker.isBehind).toBe(true);
    const others = Array.from({ length: 30 }, (_, n) => numbered(100 + n));
    for (const each of others) expect(await a.submit(each)).toEqual(['ACCEPTED']);
    expect(await b.submit(numbered(2))).toEqual(['TEMPORARY_ERROR']);
    const before = await a.index.appliedTo();
    fault = undefined;
    // Nobody submits anything to it: it tries again by itself.
    await expect.poll(() => b.worker.isBehind, SOON).toBe(false);
    expect(await a.query(ALL)).toHaveLength(32);
    expect(await a.index.appliedTo()).toEqual(before);
    expect(await b.submit(numbered(1), numbered(2))).toEqual(['DUPLICATE', 'ACCEPTED']);
    expect(cluster.live).toHaveLength(33);
    expect(await recordsOf(a.log)).toHaveLength(33);
  });
});

describe('an index that was emptied', PATIENT, () => {
  it('is made anew by one of the workers while all go on, and nothing acknowledged is lost', async () => {
    const [a, b] = [await cluster.worker(), await cluster.worker()];
    const accepted: RecordView[] = [];
    const submit = async (worker: typeof a, each: RecordView): Promise<void> => {
      if ((await worker.submit(each))[0] === 'ACCEPTED') accepted.push(each);
    };
    await submit(a, active(1));
    for (let n = 0; n < 50; n++) await submit(n % 2 === 0 ? a : b, numbered(n));
    await submit(a, bySubkey(60));
    const stop = new AbortController();
    const load = [a, b].map(async (worker, w) => {
      for (let n = 0; !stop.signal.aborted; n++) await submit(worker, numbered(1000 * (w + 1) + n));
    });
    await expect.poll(() => accepted.length, SOON).toBeGreaterThan(70);
    await servers.redis.command('FLUSHALL');
    await expect.poll(() => [...a.states, ...b.states], SOON).toContain('rebuilding');
    const duringLoss = accepted.length;
    await expect.poll(() => a.keeper.state.is, SOON).toBe('whole');
    await expect.poll(() => accepted.length, SOON).toBeGreaterThan(duringLoss);
    stop.abort();
    await Promise.all(load);
    const found = new Set(await b.query(ALL));
    const lasting = accepted.filter((each) => !each.isKeySchedule);
    expect(lasting.filter((each) => !found.has(idOf(each)))).toEqual([]);
    expect(await b.submit(bySubkey(61))).toEqual(['ACCEPTED']);
    await expect.poll(() => b.keeper.state.is, SOON).toBe('whole');
  });

  it('is served as far as it is there, and says so, where no rebuild is wanted', async () => {
    const a = await cluster.worker({ keeper: { reindex: 'off' } });
    expect(a.keeper.state).toEqual({ is: 'whole' });
    await a.submit(active(1), numbered(1));
    await a.submit(bySubkey(5));
    await servers.redis.command('FLUSHALL');
    await expect.poll(() => a.keeper.state.is, SOON).toBe('incomplete');
    expect(await a.submit(numbered(2))).toEqual(['ACCEPTED']);
    expect(await a.query(ALL)).toEqual([idOf(numbered(2))]);
    const b = await cluster.worker({ keeper: { reindex: 'off' } });
    // Nobody can tell whether the schedule is the newest, or whether there is one.
    expect(await b.submit(bySubkey(6))).toEqual(['TEMPORARY_ERROR']);
    await expect(b.worker.identities(SUBKEY.key)).rejects.toMatchObject({
      code: 'index-not-whole',
    });
    await cluster.worker();
    await expect.poll(() => a.keeper.state.is, SOON).toBe('whole');
    expect(await b.query(ALL)).toHaveLength(3);
    expect(await b.submit(bySubkey(6))).toEqual(['ACCEPTED']);
  });
});
