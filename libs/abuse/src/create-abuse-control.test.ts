/** Who is let in, who is turned away with which word, who pays for what, and who suffers for whom. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PublicKey, publicKeyOf, RESULT } from '@mosaic-cluster/protocol';
import {
  type ObjectStore,
  openFileObjectStore,
  openMemoryRegistry,
  type Registry,
} from '@mosaic-cluster/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OFFENCES, type TurnedAway, type Visitor } from './abuse-control.ts';
import { parseAddressRange } from './address-range.ts';
import { BanBook } from './ban-book.ts';
import { Bans, type BanSubject } from './ban-facts.ts';
import { parseBudgets } from './budget-syntax.ts';
import { type CountedAbuseControl, createAbuseControl } from './create-abuse-control.ts';
import type { Limiter } from './limiter.ts';
import { createMemoryLimiter } from './limiter-memory.ts';
import { keySubject, type Standing } from './subject.ts';

const NAT = '203.0.113.7';
const ELSEWHERE = '198.51.100.1';
const FIRST_BAN_MS = 60_000;

const key = (n: number): PublicKey => publicKeyOf(new Uint8Array(32).fill(n));
const [ALICE, BOB, MALLORY] = [key(1), key(2), key(3)];

let folder: string;
let store: ObjectStore;
let registry: Registry;
let book: BanBook;
let limiter: Limiter;
let control: CountedAbuseControl;
let nowMs: number;
beforeEach(async () => {
  nowMs = 1_800_000_000_000;
  folder = await mkdtemp(join(tmpdir(), 'mosaic-door-'));
  store = await openFileObjectStore({ directory: folder });
  registry = await openMemoryRegistry({ store });
  make();
  await book.refresh();
});
afterEach(async () => {
  await book.close();
  await registry.close();
  await store.close();
  await rm(folder, { recursive: true });
});

function make({ budgets = '', isLimiting = true } = {}): void {
  const now = (): number => nowMs;
  book = new BanBook({ registry, now, alwaysAllowed: [parseAddressRange('127.0.0.0/8')] });
  limiter = createMemoryLimiter({
    budgets: parseBudgets(budgets),
    clock: { monotonicMs: now, wallMs: now },
    penalties: { threshold: 100, firstBanMs: FIRST_BAN_MS },
  });
  control = createAbuseControl({ limiter, bans: book, isLimiting, now });
}

/** Somebody who came in, and with what they were sent away. */
interface Guest {
  readonly visitor: Visitor;
  readonly sent: TurnedAway[];
}

function come(address: string, proved?: PublicKey, standing?: Standing): Guest {
  const sent: TurnedAway[] = [];
  const arrival = { address, key: proved, standing };
  const visitor = control.admit(arrival, (away) => sent.push(away));
  if ('result' in visitor) throw new Error(`turned away with ${visitor.result}`);
  return { visitor, sent };
}

function refusal(address: string, proved?: PublicKey): TurnedAway {
  const answer = control.admit({ address, key: proved }, () => {});
  if (!('result' in answer)) throw new Error('let in');
  return answer;
}

async function ban(subject: BanSubject, untilMs?: number): Promise<void> {
  await new Bans(registry).add([{ subject, untilMs }]);
  await book.refresh();
}

async function allow(subject: BanSubject): Promise<void> {
  await new Bans(registry, 'allowed').add([{ subject }]);
  await book.refresh();
}

/** Does something until it is sent away. */
function misbehave({ visitor, sent }: Guest, most = 1_000): void {
  for (let n = 0; n < most && sent.length === 0; n++) visitor.offended('invalid-record');
}

/** How often something works out. */
function count(attempt: () => boolean, most = 100_000): number {
  let n = 0;
  while (n < most && attempt()) n++;
  return n;
}

describe('bans by an operator', () => {
  it('of an address turn everybody away, for a time or for good', async () => {
    await ban(parseAddressRange('203.0.113.0/24'), nowMs + 5_000);
    expect(refusal(NAT)).toEqual({ result: RESULT.IP_TEMP_BANNED, untilMs: nowMs + 5_000 });
    expect(refusal(NAT, ALICE)).toMatchObject({ result: RESULT.IP_TEMP_BANNED });
    nowMs += 5_000;
    come(NAT);
    await ban(parseAddressRange('203.0.113.0/24'));
    expect(refusal(NAT)).toEqual({ result: RESULT.IP_PERM_BANNED, untilMs: undefined });
    expect(control.counters.turnedAway.get(RESULT.IP_TEMP_BANNED)).toBe(2);
  });

  it('of a key turn it away wherever it comes from, and nobody else', async () => {
    await ban(ALICE, nowMs + 5_000);
    await ban(BOB);
    expect(refusal(NAT, ALICE)).toEqual({
      result: RESULT.PUBKEY_TEMP_BANNED,
      untilMs: nowMs + 5_000,
    });
    expect(refusal('127.0.0.1', BOB)).toMatchObject({ result: RESULT.PUBKEY_PERM_BANNED });
    come(NAT);
    come(NAT, MALLORY);
  });

  it('have those go who are in already', async () => {
    const [stranger, alice, other] = [come(NAT), come(NAT, ALICE), come(ELSEWHERE, ALICE)];
    await ban(parseAddressRange(NAT));
    expect(stranger.sent).toEqual([{ result: RESULT.IP_PERM_BANNED, untilMs: undefined }]);
    expect(alice.sent).toHaveLength(1);
    expect(other.sent).toEqual([]);
    await ban(ALICE);
    expect(other.sent).toMatchObject([{ result: RESULT.PUBKEY_PERM_BANNED }]);
    await ban(BOB);
    expect(stranger.sent).toHaveLength(1);
  });

  it('find all who are in, be they more than are looked at in one turn', async () => {
    make({ budgets: 'connections.*.*=off' });
    await book.refresh();
    const guests = Array.from({ length: 2_500 }, () => come(NAT));
    await ban(parseAddressRange(NAT));
    await expect.poll(() => guests.filter(({ sent }) => sent.length === 1).length).toBe(2_500);
  });

  it('yield to the allow list, of keys everywhere and of addresses where it is the smaller range', async () => {
    await ban(parseAddressRange('203.0.113.0/24'));
    await allow(ALICE);
    await allow(parseAddressRange(NAT));
    come(NAT);
    come('203.0.113.8', ALICE);
    refusal('203.0.113.8');
    await ban(ALICE);
    come('203.0.113.8', ALICE);
  });
});

describe('bans earned', () => {
  it('by a stranger are of the address, and end', () => {
    const guest = come(NAT);
    misbehave(guest);
    expect(guest.sent).toEqual([{ result: RESULT.IP_TEMP_BANNED, untilMs: nowMs + FIRST_BAN_MS }]);
    expect(refusal(NAT)).toMatchObject({ result: RESULT.IP_TEMP_BANNED });
    come(ELSEWHERE);
    nowMs += FIRST_BAN_MS;
    come(NAT);
  });

  it('send all strangers of the address away, and no one who proved a key', () => {
    const [abuser, stranger, alice] = [come(NAT), come(NAT), come(NAT, ALICE)];
    misbehave(abuser);
    expect(stranger.sent).toMatchObject([{ result: RESULT.IP_TEMP_BANNED }]);
    expect(alice.sent).toEqual([]);
    expect(alice.visitor.message(100)).toBe(true);
    come(NAT, BOB);
  });

  it('by a key are of the key, wherever it is', () => {
    const [guest, elsewhere, neighbour] = [come(NAT, MALLORY), come(ELSEWHERE, MALLORY), come(NAT)];
    misbehave(guest);
    for (const { sent } of [guest, elsewhere]) {
      expect(sent).toMatchObject([{ result: RESULT.PUBKEY_TEMP_BANNED }]);
    }
    expect(refusal('192.0.2.1', MALLORY)).toMatchObject({ result: RESULT.PUBKEY_TEMP_BANNED });
    expect(neighbour.sent).toEqual([]);
  });

  it('by key after key are of the address in the end', () => {
    const neighbour = come(NAT);
    let keys = 0;
    while (neighbour.sent.length === 0 && keys < 50) misbehave(come(NAT, key(100 + keys++)));
    expect(neighbour.sent).toMatchObject([{ result: RESULT.IP_TEMP_BANNED }]);
    expect(keys).toBeGreaterThan(5);
    expect(keys).toBeLessThan(20);
  });

  it('of an IPv6 network are of all its addresses; a larger network takes more', () => {
    const one = come('2001:db8:0:1::1');
    misbehave(one);
    refusal('2001:db8:0:1::2');
    come('2001:db8:0:2::1');
    for (let n = 2; n < 5; n++) misbehave(come(`2001:db8:0:${n}::1`));
    refusal('2001:db8:0:9::1');
    come('2001:db8:1::1');
  });

  it('come of each offence, of failed handshakes too', () => {
    for (const offence of OFFENCES) {
      const { visitor, sent } = come(NAT);
      for (let n = 0; n < 150_000 && sent.length === 0; n++) visitor.offended(offence);
      expect(sent, offence).toHaveLength(1);
      expect(control.counters.offences[offence]).toBeGreaterThan(0);
      nowMs += 100 * 86_400_000;
    }
    for (let n = 0; n < 300; n++) control.handshakeFailed(NAT);
    refusal(NAT);
    // Who is banned may still come to the door: to prove a key, or to be told.
    expect(control.arrives(NAT)).toBe(true);
  });

  it('do not come of what is done slowly', () => {
    const { visitor, sent } = come(NAT);
    for (let n = 0; n < 1_000; n++) {
      visitor.offended('refused-submission');
      nowMs += 1_000;
    }
    expect(sent).toEqual([]);
  });

  it('do not concern who is allowed', async () => {
    await allow(ALICE);
    const [local, bob, alice] = [come('127.0.0.1'), come('127.0.0.1', BOB), come(NAT, ALICE)];
    for (const guest of [local, bob, alice]) {
      misbehave(guest);
      expect(guest.visitor.standing).toBe('registered');
    }
    for (let n = 0; n < 300; n++) control.handshakeFailed('127.0.0.1');
    expect([...local.sent, ...bob.sent, ...alice.sent]).toEqual([]);
    misbehave(come(NAT, BOB));
    refusal(NAT, BOB);
    come('127.0.0.1', BOB);
    come('127.0.0.1');
    misbehave(come(NAT));
    come(NAT, ALICE);
  });

  it('end when they are pardoned', async () => {
    misbehave(come(NAT, MALLORY));
    refusal(NAT, MALLORY);
    await limiter.pardon(keySubject(MALLORY));
    come(NAT, MALLORY);
  });
});

describe('budgets', () => {
  it('are paid by the address of a stranger, over all its connections', () => {
    make({ budgets: 'submissions.address.anonymous=1/s:10' });
    const [one, other] = [come(NAT), come(NAT)];
    expect(count(() => one.visitor.submission(), 6)).toBe(6);
    expect(count(() => other.visitor.submission())).toBe(4);
    expect(one.visitor.submission()).toBe(false);
    expect(come(ELSEWHERE).visitor.submission()).toBe(true);
    nowMs += 2_000;
    expect(count(() => other.visitor.submission())).toBe(2);
  });

  it('of a key are its own, whatever strangers at its address do', () => {
    make({ budgets: 'messages.key.*=1/s:5,messages.address.anonymous=1/s:2' });
    const [stranger, alice, bob] = [come(NAT), come(NAT, ALICE), come(NAT, BOB)];
    expect(count(() => stranger.visitor.message(1))).toBe(2);
    expect(count(() => alice.visitor.message(1))).toBe(5);
    expect(count(() => bob.visitor.message(1))).toBe(5);
    expect(count(() => come(ELSEWHERE, ALICE).visitor.message(1))).toBe(0);
  });

  it('of all keys at an address have a bound together', () => {
    make({ budgets: 'submissions.address.authenticated=1/s:20,submissions.key.*=1/s:5' });
    let total = 0;
    for (let n = 0; n < 10; n++) total += count(() => come(NAT, key(50 + n)).visitor.submission());
    expect(total).toBe(20);
  });

  it('are better for who turns out to be known', () => {
    make({ budgets: 'messages.key.authenticated=1/s:2,messages.key.registered=1/s:7' });
    const { visitor } = come(NAT, ALICE);
    expect(count(() => visitor.message(1))).toBe(2);
    visitor.setStanding('registered');
    expect(visitor.standing).toBe('registered');
    expect(count(() => visitor.message(1))).toBe(7);
  });

  it('count bytes', () => {
    make({ budgets: 'bytes.*.*=1KiB/s:3MiB' });
    const { visitor } = come(NAT);
    expect(count(() => visitor.message(1_048_576))).toBe(3);
    expect(visitor.message(1)).toBe(false);
    expect(control.counters.exceeded.bytes).toBe(2);
  });

  it('are paid by queries afterwards: a debt stops the next', () => {
    make({ budgets: 'query.*.*=100/s:1000' });
    const { visitor } = come(NAT);
    expect(visitor.mayQuery()).toBe(true);
    visitor.queried(5_000, 256);
    expect(visitor.mayQuery()).toBe(false);
    nowMs += 39_000;
    expect(visitor.mayQuery()).toBe(false);
    nowMs += 2_000;
    expect(visitor.mayQuery()).toBe(true);
  });

  it('hold for what is open, which is given back', () => {
    make({ budgets: 'connections.address.*=2,subscriptions.address.*=3' });
    const [one, other] = [come(NAT), come(NAT)];
    expect(refusal(NAT)).toMatchObject({ result: RESULT.TOO_FAST });
    expect(count(() => one.visitor.subscribe(1))).toBe(3);
    one.visitor.unsubscribe(1);
    expect(count(() => other.visitor.subscribe(1))).toBe(1);
    one.visitor.close();
    one.visitor.close();
    expect(count(() => other.visitor.subscribe(1))).toBe(2);
    come(NAT);
    refusal(NAT);
  });

  it('hold for what takes several places: all of them or none', () => {
    make({ budgets: 'subscriptions.address.*=5' });
    const { visitor } = come(NAT);
    expect([visitor.subscribe(3), visitor.subscribe(3), visitor.subscribe(2)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(visitor.subscribe(1)).toBe(false);
    visitor.unsubscribe(3);
    expect([visitor.subscribe(4), visitor.subscribe(3)]).toEqual([false, true]);
  });

  it('count who arrives, before anything is known of them', () => {
    make({ budgets: 'connects.*.*=1/s:10' });
    expect(count(() => control.arrives(NAT))).toBe(10);
    expect(control.arrives(ELSEWHERE)).toBe(true);
    expect(control.counters.exceeded.connects).toBe(1);
    nowMs += 1_000;
    expect(count(() => control.arrives(NAT))).toBe(1);
  });

  it('let no key open connections without end', () => {
    make({ budgets: 'connects.key.*=1/s:3' });
    const opened = count(() => 'message' in control.admit({ address: NAT, key: ALICE }, () => {}));
    expect(opened).toBe(3);
  });

  it('leave a place for who is known where strangers with keys have taken theirs', () => {
    make({ budgets: 'connections.address.authenticated=3, connections.address.registered=4' });
    for (let n = 10; n < 13; n++) come(NAT, key(n));
    expect(() => come(NAT, ALICE)).toThrow(`turned away with ${RESULT.TOO_FAST}`);
    come(NAT, ALICE, 'registered');
  });

  it('are small for unknown keys from an address that earned a ban, and as ever for known ones', () => {
    make({ budgets: 'messages.address.*=1/s:100,messages.key.*=1/s:200' });
    misbehave(come(NAT));
    const [fresh, known] = [come(NAT, ALICE), come(NAT, BOB)];
    known.visitor.setStanding('attested');
    expect(count(() => fresh.visitor.message(1))).toBe(10);
    expect(count(() => come(NAT, MALLORY).visitor.message(1))).toBe(0);
    expect(count(() => known.visitor.message(1))).toBe(100);
    // Misbehaviour is dearer too.
    misbehave(fresh, 6);
    expect(fresh.sent).toHaveLength(1);
    nowMs += FIRST_BAN_MS + 100_000;
    const later = come(NAT, key(9));
    expect(count(() => later.visitor.message(1))).toBe(100);
  });

  it('are shared as a key by who is known, and as an address by all whose keys cost nothing', () => {
    const known = come(NAT, ALICE).visitor;
    const names = [come(NAT).visitor, come(NAT, BOB).visitor, known].map((each) => each.sharesAs);
    expect(names).toEqual([`a:${NAT}`, `a:${NAT}`, `a:${NAT}`]);
    for (const standing of ['attested', 'registered'] as const) {
      known.setStanding(standing);
      expect(known.sharesAs).toBe(keySubject(ALICE));
    }
    const one = ['2001:db8:1:2::1', '2001:db8:1:3::1'].map((each) => come(each).visitor.sharesAs);
    expect(one).toEqual(['n:2001:db8:1::/48', 'n:2001:db8:1::/48']);
    // This machine is allowed: a proxy on it would be everybody.
    const proxied = [1, 2].map(() => come('127.0.0.1').visitor.sharesAs);
    expect(new Set(proxied).size).toBe(2);
  });

  it('that others at the address used up bring no points to a key there', async () => {
    make({ budgets: 'submissions.address.authenticated=1/h:10, submissions.key.*=1/h:9' });
    const [alice, mallory] = [come(NAT, ALICE).visitor, come(NAT, MALLORY).visitor];
    for (let n = 0; n < 1_000; n++) mallory.submission();
    for (let n = 0; n < 100; n++) alice.submission();
    const pointsOf = async (subject: string): Promise<number> =>
      (await limiter.report(subject, 'authenticated')).points;
    expect(await pointsOf(keySubject(MALLORY))).toBeCloseTo(0.991);
    expect(await pointsOf(keySubject(ALICE))).toBe(0);
    // As of any key that does something: a part of it is its address's.
    expect(await pointsOf(`a:${NAT}`)).toBeCloseTo(0.1081);
  });

  it('that somebody insists on lead to a ban', () => {
    make({ budgets: 'messages.*.*=1/s:10' });
    const { visitor, sent } = come(NAT);
    const refused = count(() => !visitor.message(1) || sent.length === 0, 150_000);
    expect(sent).toMatchObject([{ result: RESULT.IP_TEMP_BANNED }]);
    expect(refused).toBeGreaterThan(10_000);
  });

  it('may be off, bans not', async () => {
    make({ budgets: 'messages.*.*=1/s:1,connections.*.*=1,connects.*.*=1/h:1', isLimiting: false });
    await book.refresh();
    const { visitor, sent } = come(NAT);
    come(NAT);
    expect(
      count(() => visitor.message(1) && visitor.submission() && visitor.subscribe(1), 50),
    ).toBe(50);
    visitor.queried(1e9, 1e9);
    expect(visitor.mayQuery()).toBe(true);
    expect(count(() => control.arrives(NAT), 50)).toBe(50);
    await ban(parseAddressRange(NAT));
    expect(sent).toHaveLength(1);
  });
});

describe('its faults', () => {
  it('are those of limiter and bans', async () => {
    expect(control.fault()).toBeUndefined();
    make();
    expect(control.fault()).toBe('bans were not read yet');
  });
});
