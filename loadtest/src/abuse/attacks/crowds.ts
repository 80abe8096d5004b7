/** Crowds that mean no harm: many people behind one address, with the budgets as they come. */
import {
  buildFilter,
  encodeMessage,
  encodeSubmission,
  generateSecretKey,
  type SecretKey,
} from '@mosaic-cluster/protocol';
import { type Attack, type Attacker, USUAL_BUDGETS } from '../attack.ts';
import { pause, untilAborted } from '../attacker/pace.ts';
import { openTalk, type Talk } from '../attacker/talk.ts';
import { spamRecord } from './spam-record.ts';

const PEOPLE = 200;
const COMING_BACK = 1_000;
/** A person publishes, and asks, so often: more than people do, who also sleep. */
const PUBLISHES_EVERY_MS = 10_000;
const ASKS_EVERY_MS = 3_000;
const COMES_WITHIN_MS = 2_000;
/** As clients wait before they try again: at random, up to twice as long after each attempt. */
const AGAIN_FIRST_MS = 250;
const AGAIN_MAX_MS = 30_000;
const LIVE_ID = 1;
const NEWEST_ID = 2;

const crowd: Attack = {
  name: 'crowd-behind-nat',
  title: `${PEOPLE} people at one address publish, follow and ask`,
  place: 'any',
  aim: 'all-served',
  people: PEOPLE,
  settings: USUAL_BUDGETS,
  async run(attacker) {
    await Promise.all(Array.from({ length: PEOPLE }, () => live(attacker)));
  },
};

const comingBack: Attack = {
  name: 'restart-behind-nat',
  title: `${COMING_BACK} people at one address connect at once, as after a restart`,
  place: 'any',
  aim: 'all-in',
  people: COMING_BACK,
  secondsMin: 20,
  settings: USUAL_BUDGETS,
  async run(attacker) {
    await Promise.all(Array.from({ length: COMING_BACK }, () => comeBack(attacker)));
  },
};

/** Somebody's time on the server. */
async function live(attacker: Attacker): Promise<void> {
  const { signal, tally, tools } = attacker;
  await pause(Math.random() * COMES_WITHIN_MS, signal);
  if (signal.aborted) return;
  const talk = await openTalk(attacker, attacker.gateways[0]!);
  if (talk === undefined) return;
  tally.accepted('inside');
  const secretKey = generateSecretKey();
  follow(talk, tools.publicKeyOf(secretKey));
  await Promise.all([
    again(PUBLISHES_EVERY_MS, signal, () => publish(attacker, talk, secretKey)),
    again(ASKS_EVERY_MS, signal, () => talk.send(newest(tools.publicKeyOf(secretKey)))),
  ]);
  await talk.connection.close();
}

/** Somebody tries until they are in, and stays. */
async function comeBack(attacker: Attacker): Promise<void> {
  const { signal, tally, tools } = attacker;
  for (let attempts = 0; !signal.aborted; attempts++) {
    const lost = new AbortController();
    const gateway = attacker.gateways[attempts % attacker.gateways.length]!;
    const talk = await openTalk(attacker, gateway, () => lost.abort());
    if (talk !== undefined) {
      follow(talk, tools.publicKeyOf(generateSecretKey()));
      // Whom there is no place for is told so at once.
      await pause(AGAIN_FIRST_MS, AbortSignal.any([signal, lost.signal]));
      if (!talk.isOver()) {
        tally.accepted('inside');
        await untilAborted(AbortSignal.any([signal, lost.signal]));
        // Who lost the place again was never in for good.
        if (talk.isOver()) tally.accepted('inside', -1);
      }
      await talk.connection.close();
    }
    const most = Math.min(AGAIN_MAX_MS, AGAIN_FIRST_MS * 2 ** attempts);
    await pause(Math.random() * most, signal);
  }
}

function follow(talk: Talk, author: Uint8Array): void {
  const filter = buildFilter([{ name: 'authors', keys: [author] }]);
  talk.send(encodeMessage({ name: 'subscribe', queryId: LIVE_ID, limit: 1, filter }));
}

function newest(author: Uint8Array): Uint8Array {
  const filter = buildFilter([{ name: 'authors', keys: [author] }]);
  return encodeMessage({ name: 'query', queryId: NEWEST_ID, limit: 20, filter });
}

function publish({ tools }: Attacker, talk: Talk, secretKey: SecretKey): void {
  talk.send(encodeSubmission(spamRecord(tools, { secretKey }).bytes));
}

/** Does something now and then, the first time at a random moment. */
async function again(everyMs: number, signal: AbortSignal, act: () => void): Promise<void> {
  await pause(Math.random() * everyMs, signal);
  while (!signal.aborted) {
    act();
    await pause(everyMs, signal);
  }
}

/** All of them. */
export const CROWD_ATTACKS: readonly Attack[] = [crowd, comingBack];
