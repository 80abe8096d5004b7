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

/** What is known of a key as such. */
export interface KeyFacts {
  /** Undefined: not registered. */
  readonly registered: RegisteredUser | undefined;
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
  const key = isKey ? await keyFacts(registry, holding, subject) : undefined;
  const standing =
    isKey && key !== undefined ? await standingOf(registry, subject, key) : 'anonymous';
  const around = isKey ? [subject] : rangesAround(subject);
  const listed = async (collection: 'bans' | 'allowed'): Promise<BanFact[]> => {
    const found = await new Bans(registry, collection).find(around);
    return found.flatMap((ban) => ban ?? []);
  };
  const limits = await askedOrWhy(place, (limiter) =>
    Promise.all(names.map(async (name) => [name, await limiter.report(name, standing)] as const)),
  );
  const [bans, allowed] = [await listed('bans'), await listed('allowed')];
  return { subject, standing, bans, allowed, key, limits };
}

/** A range and all that it lies in: at most 129, so that one lookup finds every ban on it. */
export function rangesAround({ bytes, prefixBits }: AddressRange): AddressRange[] {
  return Array.from({ length: prefixBits + 1 }, (_, bits) => {
    return { bytes: maskAddress(bytes, bits), prefixBits: bits };
  });
}

async function keyFacts(registry: Registry, holding: Holding, key: PublicKey): Promise<KeyFacts> {
  const [registered] = await new RegisteredUsers(registry).find([key]);
  const held = await heldFor(holding, key, registered !== undefined);
  const sources = holding.scheduleSources.map(({ index, log }) => ({ index, log: freshLog(log) }));
  const directory = new KeyDirectory(sources);
  try {
    const [, ...masters] = await directory.identities(key);
    const schedule = (await directory.newest(key))?.entries;
    return { registered, masters, schedule, scheduleFault: undefined, held };
  } catch (error) {
    if (!isMosaicError(error) || error.kind !== 'unavailable') throw error;
    const scheduleFault = error.message;
    return { registered, masters: [], schedule: undefined, scheduleFault, held };
  }
}

/** As gateways judge it, but for how long a master must have been known, which is a setting of theirs. */
async function standingOf(
  registry: Registry,
  key: PublicKey,
  { masters }: KeyFacts,
): Promise<Standing> {
  if (await isOneRegistered(registry, [key, ...masters])) return 'registered';
  return masters.length > 0 ? 'attested' : 'authenticated';
}
