/** Everything that is known of a key or an address. */
import {
  type AddressRange,
  type BanFact,
  Bans,
  type BanSubject,
  isKeySubject,
  isOneRegistered,
  maskAddress,
  type Standing,
  type SubjectReport,
} from '@mosaic-cluster/abuse';
import { isMosaicError, type KeyScheduleEntry, type PublicKey } from '@mosaic-cluster/protocol';
import { KeyDirectory, type RegisteredUser, RegisteredUsers } from '@mosaic-cluster/role';
import type { Registry } from '@mosaic-cluster/store';
import { type Asked, askedOrWhy } from '../limits/asked-limiter.ts';
import { subjectNames } from '../limits/subject-names.ts';
import { freshLog } from '../place/fresh-log.ts';
import { type HeldFor, heldFor } from '../place/held-for.ts';
import type { Holding } from '../place/holding.ts';
import type { Place } from '../place/place-options.ts';
import { type RulesInForce, rulesInForce } from '../processes/rules-in-force.ts';

/** What is known of a key as such. */
export interface KeyFacts {
  /** Undefined: not registered. */
  readonly registered: RegisteredUser | undefined;
  /** A setting of those who serve names it: it is registered whatever the registry says. */
  readonly isAlwaysUser: boolean;
  /** Master keys whose key schedules say that this key acts for them. */
  readonly masters: readonly PublicKey[];
  /** What its own key schedule says; undefined: it has none. */
  readonly schedule: readonly KeyScheduleEntry[] | undefined;
  /** Why masters and schedule could not be looked up; undefined: they were. */
  readonly scheduleFault: string | undefined;
  readonly held: readonly HeldFor[];
}

/** What is known of somebody. */
export interface WhoIs {
  readonly subject: BanSubject;
  readonly standing: Standing;
  /** Bans of operators that it falls under, those that are over included. */
  readonly bans: readonly BanFact[];
  /** Lines of the allow list that it falls under. */
  readonly allowed: readonly BanFact[];
  /** Undefined: it is an address. */
  readonly key: KeyFacts | undefined;
  /** Why rules are those of the command's environment; undefined: those who serve told them. */
  readonly rulesFault: string | undefined;
  /** What it uses, by the names that budgets have for it. */
  readonly limits: Asked<readonly (readonly [string, SubjectReport])[]>;
}

/** Finds out. @throws MosaicError what registry and storage throw */
export async function whoIs(
  place: Place,
  registry: Registry,
  holding: Holding,
  subject: BanSubject,
): Promise<WhoIs> {
  const names = subjectNames(subject);
  const isKey = isKeySubject(subject);
  const known = isKey ? await keySchedules(holding, subject) : undefined;
  const own = isKey ? [subject, ...known!.masters] : [];
  const rules = await rulesInForce(place, own);
  const key = isKey ? await keyFacts(registry, holding, subject, rules, known!) : undefined;
  const standing = key === undefined ? 'anonymous' : await standingOf(registry, own, rules);
  const around = isKey ? [subject] : rangesAround(subject);
  const listed = async (collection: 'bans' | 'allowed'): Promise<BanFact[]> => {
    const found = await new Bans(registry, collection).find(around);
    return found.flatMap((ban) => ban ?? []);
  };
  const limits = await askedOrWhy(
    place,
    (limiter) =>
      Promise.all(names.map(async (name) => [name, await limiter.report(name, standing)] as const)),
    rules.budgets,
  );
  const [bans, allowed] = [await listed('bans'), await listed('allowed')];
  return { subject, standing, bans, allowed, key, rulesFault: rules.why, limits };
}

/** A range and all that it lies in: at most 129, so that one lookup finds every ban on it. */
export function rangesAround({ bytes, prefixBits }: AddressRange): AddressRange[] {
  return Array.from({ length: prefixBits + 1 }, (_, bits) => {
    return { bytes: maskAddress(bytes, bits), prefixBits: bits };
  });
}

/** What key schedules say of a key. */
type KeySchedules = Pick<KeyFacts, 'masters' | 'schedule' | 'scheduleFault'>;

async function keySchedules(holding: Holding, key: PublicKey): Promise<KeySchedules> {
  const sources = holding.scheduleSources.map(({ index, log }) => ({ index, log: freshLog(log) }));
  const directory = new KeyDirectory(sources);
  try {
    const [, ...masters] = await directory.identities(key);
    const schedule = (await directory.newest(key))?.entries;
    return { masters, schedule, scheduleFault: undefined };
  } catch (error) {
    if (!isMosaicError(error) || error.kind !== 'unavailable') throw error;
    return { masters: [], schedule: undefined, scheduleFault: error.message };
  }
}

async function keyFacts(
  registry: Registry,
  holding: Holding,
  key: PublicKey,
  rules: RulesInForce,
  known: KeySchedules,
): Promise<KeyFacts> {
  const [registered] = await new RegisteredUsers(registry).find([key]);
  const isAlwaysUser = rules.isAlwaysUser(key);
  const isRegistered = registered !== undefined || isAlwaysUser;
  const held = await heldFor(holding, key, isRegistered, rules.accept);
  return { registered, isAlwaysUser, ...known, held };
}

/** As gateways judge it, but for how long a master must have been known, which is a setting of theirs. */
async function standingOf(
  registry: Registry,
  own: readonly PublicKey[],
  rules: RulesInForce,
): Promise<Standing> {
  if (own.some((key) => rules.isAlwaysUser(key)) || (await isOneRegistered(registry, own)))
    return 'registered';
  return own.length > 1 ? 'attested' : 'authenticated';
}
