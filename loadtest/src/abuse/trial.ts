/** One attack from a server's start to its end: quiet, quiet again, under attack, and after it. */
import type { SigningTools } from '@mosaic-cluster/protocol';
import { makeTlsIdentity } from '@mosaic-cluster/certificate';
import type { ServerAddress } from '../generator/server-address.ts';
import { Pool } from '../generator/pool.ts';
import { submit } from '../generator/submit.ts';
import { RecordPlan } from '../records/record-plan.ts';
import { SubmissionFrames } from '../records/submission-frames.ts';
import type { ListenerName } from '../server/embedded-server.ts';
import { ProcessReader } from '../server/process-usage.ts';
import type { Attack } from './attack.ts';
import { type AttackFigures, AttackerProcess } from './attacker/attacker-process.ts';
import {
  ATTACKER_ADDRESS,
  HonestCrowd,
  REGISTERED_SECRET,
  registeredUser,
} from './honest/honest-crowd.ts';
import type { HonestFigures } from './honest/honest-figures.ts';
import { type PhaseUsage, watched } from './victim/usage-series.ts';
import { startVictim, type Victim } from './victim/victim.ts';

/** How to try. */
export interface TrialOptions {
  readonly isCluster: boolean;
  /** Which listener is attacked, of the embedded server. */
  readonly listener: ListenerName;
  /** Of the attack, and of both quiet phases together. */
  readonly seconds: number;
  /** See {@link AttackerProcess.start}. */
  readonly attackerGoesLast?: boolean;
  readonly parentFolder: string;
  readonly tools: Required<SigningTools>;
  /** Told what takes time. */
  readonly say: (line: string) => void;
}

/** What a phase was like. */
export interface PhaseFigures {
  readonly honest: HonestFigures;
  readonly usage: PhaseUsage;
}

/** What a trial has shown. */
export interface Trial {
  readonly attack: Attack;
  /** Two phases without the attack: what differs between them is chance. */
  readonly quiet: readonly [PhaseFigures, PhaseFigures];
  readonly attacked: PhaseFigures;
  readonly attacker: AttackFigures;
  readonly gateways: number;
  /** Memory of the server's own some time after the attack. */
  readonly ownBytesAfter: number;
}

/** In parts of the attack's time. */
const WARM_UP = 0.25;
const AFTER = 0.25;
const FILL = { connections: 2, inFlight: 64 } as const;
/** Where the records of a filled store come from: nobody else does. */
const FILL_ADDRESS = '127.0.3.1';

/** Tries an attack. @throws LoadError where server, honest clients or attacker do not start */
export async function tryAttack(attack: Attack, options: TrialOptions): Promise<Trial> {
  const { isCluster, listener, parentFolder, tools, say } = options;
  say(`${attack.name}: starting ${isCluster ? 'a cluster' : 'the embedded server'}`);
  const user = registeredUser(tools);
  const victim = await startVictim({ attack, isCluster, listener, parentFolder, user });
  const closing: (() => Promise<void> | void)[] = [() => victim.close()];
  try {
    if (attack.storeRecords !== undefined) {
      await fill(victim.keyAddresses[0]!, attack.storeRecords, tools);
    }
    const crowd = await HonestCrowd.open(victim, tools, {
      withUnknown: attack.provesKeys !== true,
      areRepeating: isRedisAway(attack),
    });
    closing.push(() => crowd.close());
    const setup = { attack: attack.name, urls: victim.urls, from: ATTACKER_ADDRESS };
    const attacker = await AttackerProcess.start(setup, options.attackerGoesLast);
    closing.push(() => attacker.close());
    return await phases(attack, { victim, crowd, attacker }, options);
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

interface Cast {
  readonly victim: Victim;
  readonly crowd: HonestCrowd;
  readonly attacker: AttackerProcess;
}

async function phases(
  attack: Attack,
  { victim, crowd, attacker }: Cast,
  options: TrialOptions,
): Promise<Trial> {
  const { say } = options;
  const seconds = Math.max(options.seconds, attack.secondsMin ?? 0);
  const reader = new ProcessReader();
  const work = async (ms: number): Promise<PhaseFigures> => {
    const { result, usage } = await watched(reader, victim.pids, () => crowd.work(ms));
    return { honest: result, usage };
  };
  await work(seconds * 1000 * WARM_UP);
  say(`${attack.name}: quiet`);
  const half = (seconds * 1000) / 2;
  const quiet = [await work(half), await work(half)] as const;
  say(`${attack.name}: ${attack.title}`);
  victim.breakDown();
  attacker.begin();
  const mending = setTimeout(() => victim.mend(), (seconds * 1000) / 2);
  const attacked = await work(seconds * 1000).finally(() => clearTimeout(mending));
  const figures = await attacker.end();
  await work(seconds * 1000 * AFTER);
  const ownBytesAfter = reader.memory(victim.pids).ownBytes;
  return {
    attack,
    quiet,
    attacked,
    attacker: figures,
    gateways: victim.urls.length,
    ownBytesAfter,
  };
}

/** Whether workers lose their index for a while: then they ask clients to try again, as clients do. */
export function isRedisAway({ breaks }: Attack): boolean {
  return breaks === 'redis-stopped' || breaks === 'redis-frozen';
}

/** Fills the store, as the registered user: a stranger's budget would not do. */
async function fill(
  address: ServerAddress,
  count: number,
  tools: Required<SigningTools>,
): Promise<void> {
  const plan = new RecordPlan(1, tools);
  const records = Array.from({ length: count }, (_, i) => plan.make(i).bytes);
  const identity = makeTlsIdentity(REGISTERED_SECRET);
  const pool = await Pool.open(
    { ...address, localAddress: FILL_ADDRESS, identity },
    FILL.connections,
  );
  try {
    await submit(pool, new SubmissionFrames(records), { inFlight: FILL.inFlight });
  } finally {
    await pool.close();
  }
}
