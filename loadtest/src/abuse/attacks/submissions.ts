/** Attacks with records: forged, too many, too heavy, by too many. */
import { encodeSubmission, generateSecretKey, type SecretKey } from '@mosaic-cluster/protocol';
import { makeTlsIdentity } from '@mosaic-cluster/certificate';
import { type Attack, type Attacker, USUAL_BUDGETS } from '../attack.ts';
import { pace } from '../attacker/pace.ts';
import { openTalk, sayOn } from '../attacker/talk.ts';
import { spamRecord } from './spam-record.ts';

const TAG_TYPE = 0x7431;
const TAGS = 2_000;
const TAG_BYTES = 24;
const RECORDS_OF_A_KEY = 40;
/** What a stranger's address may submit at once, by the budgets as they come. */
const BURST = 10_000;
const BURST_CONNECTIONS = 10;
const BURST_PER_SECOND = 50_000;

/** Submits records by one author over some connections, at a rate. */
export function submitFlood(attacker: Attacker, perSecond: number): Promise<void> {
  const secretKey = generateSecretKey();
  return sayOn(attacker, 4 * attacker.gateways.length, perSecond, (talk) => {
    talk.send(encodeSubmission(spamRecord(attacker.tools, { secretKey }).bytes));
  });
}

const forged: Attack = {
  name: 'forged-signatures',
  title: 'submits records with right hashes and wrong signatures',
  place: 'any',
  aim: 'refused',
  run: (attacker) =>
    sayOn(attacker, 10, 1_000, (talk) => {
      const bytes = Uint8Array.from(spamRecord(attacker.tools).bytes);
      bytes[bytes.length - 1]! ^= 1;
      talk.send(encodeSubmission(bytes));
    }),
};

const anonymous: Attack = {
  name: 'submission-flood',
  title: 'submits valid records without end, and says not who it is',
  place: 'any',
  aim: 'one-budget',
  run: (attacker) => submitFlood(attacker, 1_500),
};

const burst: Attack = {
  name: 'budget-burst',
  title: 'submits all at once what the budgets of an address allow as they come',
  place: 'any',
  aim: 'endured',
  // What roles have in hand of it, half of all that they may, they finish first.
  waitMaxMs: 200,
  settings: USUAL_BUDGETS,
  async run(attacker) {
    const secretKey = generateSecretKey();
    const made = Array.from({ length: BURST }, () =>
      encodeSubmission(spamRecord(attacker.tools, { secretKey }).bytes),
    );
    await sayOn(attacker, BURST_CONNECTIONS, BURST_PER_SECOND, (talk) => {
      const next = made.pop();
      if (next !== undefined) talk.send(next);
    });
  },
};

const freshKeys: Attack = {
  name: 'fresh-keys',
  title: 'submits valid records with a new key for every connection',
  place: 'any',
  aim: 'refused',
  provesKeys: true,
  async run(attacker) {
    const [gateway] = attacker.gateways;
    const open = new Set<SecretKey>();
    await pace(30, attacker.signal, () => {
      if (open.size >= 100) return;
      const secretKey = generateSecretKey();
      open.add(secretKey);
      const address = { ...gateway!, identity: makeTlsIdentity(secretKey) };
      void openTalk(attacker, address, () => open.delete(secretKey)).then((talk) => {
        if (talk === undefined) open.delete(secretKey);
        if (attacker.signal.aborted) return talk?.connection.close();
        for (let n = 0; n < RECORDS_OF_A_KEY; n++) {
          talk?.send(encodeSubmission(spamRecord(attacker.tools, { secretKey }).bytes));
        }
        attacker.signal.addEventListener('abort', () => void talk?.connection.close());
        return undefined;
      });
    });
  },
};

const manyTags: Attack = {
  name: 'many-tags',
  title: `submits records with ${TAGS} tags each`,
  place: 'any',
  aim: 'refused',
  async run(attacker) {
    const secretKey = generateSecretKey();
    let turn = 0;
    await sayOn(attacker, 4, 80, (talk) => {
      turn += 1;
      const tags = Array.from({ length: TAGS }, (_, i) => {
        return { type: TAG_TYPE, value: Buffer.from(`${turn}.${i}`.padEnd(TAG_BYTES)) };
      });
      talk.send(encodeSubmission(spamRecord(attacker.tools, { secretKey, tags }).bytes));
    });
  },
};

const hookHangs: Attack = {
  name: 'policy-hook-hangs',
  title: "floods with records while the operator's own program has stopped answering",
  place: 'embedded',
  aim: 'one-budget',
  settings: {
    MOSAIC_POLICY_HOOK_DEFAULT: 'accept',
    MOSAIC_POLICY_HOOK_TIMEOUT: '200ms',
  },
  breaks: 'policy-hook',
  run: (attacker) => submitFlood(attacker, 500),
};

const twoGateways: Attack = {
  name: 'two-gateways',
  title: 'floods with records through two gateways',
  place: 'cluster',
  aim: 'one-budget',
  run: (attacker) => submitFlood(attacker, 500),
};

const redisStopped: Attack = {
  name: 'redis-stopped',
  title: 'floods with records while Redis is killed and comes back',
  place: 'cluster',
  aim: 'budget-per-gateway',
  breaks: 'redis-stopped',
  run: (attacker) => submitFlood(attacker, 500),
};

const redisFrozen: Attack = {
  ...redisStopped,
  name: 'redis-frozen',
  title: 'floods with records while Redis is frozen for half of the time',
  breaks: 'redis-frozen',
};

/** All of them. */
export const SUBMISSION_ATTACKS: readonly Attack[] = [
  forged,
  anonymous,
  burst,
  freshKeys,
  manyTags,
  hookHangs,
  twoGateways,
  redisStopped,
  redisFrozen,
];
