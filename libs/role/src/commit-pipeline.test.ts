/** Group commit when log and index fail, at every moment at which they can. */
import { buildFilter, MosaicError, type RecordView } from '@mosaic-cluster/protocol';
import { indexRowsOf, type RecordIndex, type SegmentLog } from '@mosaic-cluster/store';
import { afterEach, describe, expect, it } from 'vitest';
import { intercept } from '../testing/intercept.ts';
import { kind, moment, person, record, schedule } from '../testing/people.ts';
import { openPolicy } from '../testing/policies.ts';
import { idOf, TestRoles } from '../testing/test-roles.ts';
import type { CommitBounds } from './commit-limits.ts';

const ALICE = person(0);
const SUBKEY = person(10);
const FULL = new MosaicError('unavailable', 'log-full', 'no room');

/** What fails, and how often it was asked. */
interface Faults {
  append: Error | undefined;
  add: Error | undefined;
  appends: number;
  adds: number;
  /** Resolves before anything is appended. */
  gate: Promise<void>;
  /** Resolves before anything is indexed. */
  addGate: Promise<void>;
}

let roles: TestRoles;
let faults: Faults;
afterEach(() => roles.close());

async function open(rest: Partial<CommitBounds> = {}): Promise<void> {
  const bounds = { entriesMax: 1000, bytesMax: 1e9, rowsMax: 1e9, ...rest };
  const [gate, addGate] = [Promise.resolve(), Promise.resolve()];
  faults = { append: undefined, add: undefined, appends: 0, adds: 0, gate, addGate };
  roles = await TestRoles.open({
    policies: [openPolicy],
    deps: { commitBounds: bounds },
    wrapLog: (log) => intercept(log, { append: faultyAppend(log) }),
    wrapIndex: (index) => intercept(index, { add: faultyAdd(index) }),
  });
}

function faultyAppend(log: SegmentLog): SegmentLog['append'] {
  return async (entries) => {
    faults.appends += 1;
    await faults.gate;
    if (faults.append !== undefined) throw faults.append;
    return log.append(entries);
  };
}

function faultyAdd(index: RecordIndex): RecordIndex['add'] {
  return async (additions, appliedTo) => {
    faults.adds += 1;
    await faults.addGate;
    if (faults.add !== undefined) throw faults.add;
    return index.add(additions, appliedTo);
  };
}

/** Something to wait at, until it is opened. */
class Gate {
  open!: () => void;
  readonly opened: Promise<void>;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

function numbered(n: number): RecordView {
  return record(ALICE, { timestamp: moment(n) });
}

function submit(...records: RecordView[]) {
  return roles.submit('outbox', records);
}

async function found(): Promise<string[]> {
  return roles.query('outbox', buildFilter([{ name: 'kinds', kinds: [kind()] }]));
}

const liveIds = (): string[] => roles.live.map(({ record: each }) => idOf(each));

describe('group commit', () => {
  it('writes what comes at once in one append', async () => {
    await open();
    const results = await Promise.all(Array.from({ length: 50 }, (_, n) => submit(numbered(n))));
    expect(results.flat()).toEqual(Array.from({ length: 50 }, () => 'ACCEPTED'));
    expect(faults.appends).toBeLessThan(10);
    expect(await found()).toHaveLength(50);
  });

  it.each<Partial<CommitBounds>>([
    { entriesMax: 3 },
    { bytesMax: 3 * numbered(0).bytes.length },
    { rowsMax: 3 * indexRowsOf(numbered(0)) },
  ])('refuses what would exceed its bound, and takes a lone large batch: %o', async (bounds) => {
    await open(bounds);
    const gate = new Gate();
    faults.gate = gate.opened;
    const first = submit(numbered(0), numbered(1), numbered(2), numbered(3));
    await expect.poll(() => faults.appends).toBe(1);
    const second = submit(numbered(4), numbered(5));
    await expect.poll(() => roles.role('outbox').worker.waiting).toBe(2);
    expect(await submit(numbered(6), numbered(7))).toEqual(['TOO_FAST', 'TOO_FAST']);
    gate.open();
    expect((await Promise.all([first, second])).flat()).toEqual(Array(6).fill('ACCEPTED'));
    expect(await submit(numbered(6))).toEqual(['ACCEPTED']);
  });

  it('makes several commits of what takes many rows in the index', async () => {
    await open();
    const gate = new Gate();
    faults.gate = gate.opened;
    const first = submit(numbered(0));
    await expect.poll(() => faults.appends).toBe(1);
    const tags = Array.from({ length: 2000 }, (_, n) => ({ type: n, value: new Uint8Array() }));
    const tagged = Array.from({ length: 30 }, (_, n) =>
      submit(record(ALICE, { timestamp: moment(n), tags })),
    );
    await expect.poll(() => roles.role('outbox').worker.waiting).toBe(30);
    gate.open();
    expect((await Promise.all([first, ...tagged])).flat()).toEqual(Array(31).fill('ACCEPTED'));
    expect(faults.appends).toBe(3);
  });

  it('finishes what was accepted when it closes, and refuses the rest', async () => {
    await open();
    const { worker } = roles.role('outbox');
    const accepted = Array.from({ length: 20 }, (_, n) => submit(numbered(n)));
    await expect.poll(() => faults.appends).toBeGreaterThan(0);
    await worker.close();
    const results = (await Promise.all(accepted)).flat();
    expect(results).toContain('ACCEPTED');
    expect(await found()).toHaveLength(results.filter((each) => each === 'ACCEPTED').length);
    expect(await submit(numbered(99))).toEqual(['TEMPORARY_ERROR']);
  });
});

describe('a log that cannot be written', () => {
  it('is told as a temporary error, reading goes on, and it recovers', async () => {
    await open();
    await submit(numbered(1));
    faults.append = FULL;
    expect(await submit(numbered(1), numbered(2))).toEqual(['DUPLICATE', 'TEMPORARY_ERROR']);
    expect(await found()).toEqual([idOf(numbered(1))]);
    faults.append = undefined;
    expect(await submit(numbered(2))).toEqual(['ACCEPTED']);
    expect(liveIds()).toEqual([idOf(numbered(1)), idOf(numbered(2))]);
  });
});

describe('an index that cannot be written', () => {
  const broken = new MosaicError('unavailable', 'index-failed', 'no');

  it('is told as a temporary error; the record is there, and live, once it works again', async () => {
    await open();
    faults.add = broken;
    expect(await submit(numbered(1))).toEqual(['TEMPORARY_ERROR']);
    expect(await found()).toEqual([]);
    expect(liveIds()).toEqual([]);
    faults.add = undefined;
    expect(await submit(numbered(2))).toEqual(['ACCEPTED']);
    expect(await found()).toEqual([idOf(numbered(2)), idOf(numbered(1))]);
    expect(liveIds()).toEqual([idOf(numbered(1)), idOf(numbered(2))]);
    expect(await submit(numbered(1))).toEqual(['DUPLICATE']);
  });

  it('lets the same record succeed later', async () => {
    await open();
    faults.add = broken;
    await submit(numbered(1));
    faults.add = undefined;
    expect(await submit(numbered(1))).toEqual(['DUPLICATE']);
    expect(await found()).toEqual([idOf(numbered(1))]);
    expect(liveIds()).toEqual([idOf(numbered(1))]);
  });

  it('stops appending, so that the log does not fill with what nobody finds', async () => {
    await open();
    faults.add = broken;
    await submit(numbered(1));
    const before = faults.appends;
    for (let n = 2; n < 6; n++) expect(await submit(numbered(n))).toEqual(['TEMPORARY_ERROR']);
    expect(faults.appends).toBe(before);
    // Each is a commit that failed: an alert goes by how long that goes on.
    expect(roles.failedSteps).toEqual(Array.from({ length: 5 }, () => 'index'));
  });

  it('accepts a commit that was on its way while the one before it failed', async () => {
    await open();
    faults.add = broken;
    const addGate = new Gate();
    faults.addGate = addGate.opened;
    const first = submit(numbered(1));
    await expect.poll(() => faults.adds).toBe(1);
    const gate = new Gate();
    faults.gate = gate.opened;
    const second = submit(numbered(2));
    await expect.poll(() => faults.appends).toBe(2);
    addGate.open();
    expect(await first).toEqual(['TEMPORARY_ERROR']);
    faults.add = undefined;
    gate.open();
    expect(await second).toEqual(['ACCEPTED']);
    expect(await found()).toEqual([idOf(numbered(2)), idOf(numbered(1))]);
    expect(liveIds().toSorted()).toEqual([idOf(numbered(1)), idOf(numbered(2))].toSorted());
  });

  it('does not hide a revocation that it failed to take', async () => {
    await open();
    const bySubkey = record(ALICE, { signer: SUBKEY });
    await submit(schedule(ALICE, moment(1), [{ subkey: SUBKEY, marker: 'activeSigning' }]));
    await submit(bySubkey);
    expect(await found()).toEqual([idOf(bySubkey)]);
    faults.add = broken;
    const revoked = { subkey: SUBKEY, marker: 'revokedAll', revokedAt: 1n } as const;
    await submit(schedule(ALICE, moment(2), [revoked]));
    faults.add = undefined;
    await submit(numbered(5));
    expect(await found()).toEqual([idOf(numbered(5))]);
  });

  it('is brought up to the log at the next start', async () => {
    await open();
    faults.add = broken;
    await submit(numbered(1));
    faults.add = undefined;
    await roles.restart(false);
    expect(await found()).toEqual([idOf(numbered(1))]);
  });
});

describe('recovery', () => {
  it('serves what was indexed where the index has no room for more, and adds it when there is', async () => {
    await open();
    await submit(numbered(1));
    faults.add = new MosaicError('unavailable', 'index-full', 'no room');
    expect(await submit(numbered(2))).toEqual(['TEMPORARY_ERROR']);
    await roles.restart(false);
    expect(roles.role('outbox').worker.isBehind).toBe(true);
    expect(await found()).toEqual([idOf(numbered(1))]);
    expect(await submit(numbered(3))).toEqual(['TEMPORARY_ERROR']);
    faults.add = undefined;
    expect(await submit(numbered(3))).toEqual(['ACCEPTED']);
    expect(roles.role('outbox').worker.isBehind).toBe(false);
    expect(await found()).toEqual([3, 2, 1].map((n) => idOf(numbered(n))));
    faults.add = new MosaicError('unavailable', 'index-failed', 'broken');
    expect(await submit(numbered(4))).toEqual(['TEMPORARY_ERROR']);
    await expect(roles.restart(false)).rejects.toMatchObject({ code: 'index-failed' });
    faults.add = undefined;
  });

  it('refuses to serve what is less than the index knows of', async () => {
    await open();
    await submit(numbered(1));
    const { index } = roles.role('outbox');
    await index.add([], new Uint8Array(64).fill(0xff));
    await expect(roles.role('outbox').worker.recover()).rejects.toMatchObject({
      code: 'index-ahead',
    });
  });
});
