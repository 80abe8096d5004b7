/**
 * Which rules those who serve go by, as far as they can be asked; else, as far as the environment of the
 * command says so.
 */
import {
  alwaysRegistered,
  ASKED_USERS_MAX,
  type BudgetTable,
  type ProcessReport,
} from '@mosaic-cluster/abuse';
import { hexEncode, isMosaicError, type PublicKey } from '@mosaic-cluster/protocol';
import { type AcceptRules, parseAcceptRules } from '@mosaic-cluster/role';
import { readAcceptRules, readUsers } from '../config.ts';
import { type Place, settingsOf } from '../place/place-options.ts';
import { askProcesses } from './ask-processes.ts';
import { usualBudgets } from './compare-processes.ts';

/** Rules about authors and users. */
export interface RulesInForce {
  /** By role. */
  readonly accept: Readonly<Record<string, AcceptRules>>;
  /** Of most gateways; undefined: nobody told. */
  readonly budgets: BudgetTable | undefined;
  /** Whether a setting names a key as a user: then it is registered whatever the registry says. */
  isAlwaysUser(key: PublicKey): boolean;
  /** Why the rules are those of the command's environment; undefined: those who serve told them. */
  readonly why: string | undefined;
}

/**
 * Finds out.
 *
 * @param keys that {@link RulesInForce.isAlwaysUser} may be asked about
 * @throws MosaicError `invalid` (`usage`) for settings that are none
 */
export async function rulesInForce(
  place: Place,
  keys: readonly PublicKey[],
): Promise<RulesInForce> {
  const known = new Set<string>();
  let reports: readonly ProcessReport[] = [];
  // Once at least: the other rules are wanted too.
  for (let at = 0; at === 0 || at < keys.length; at += ASKED_USERS_MAX) {
    const users = keys.slice(at, at + ASKED_USERS_MAX).map(hexEncode);
    const asked = await askProcesses(place, { users });
    ({ reports } = asked);
    if (reports.length === 0) return rulesHere(asked.why ?? 'nobody answered');
    for (const report of reports) for (const key of report.users.known) known.add(key);
  }
  return {
    accept: acceptRulesOf(reports),
    budgets: usualBudgets(reports),
    isAlwaysUser: (key) => known.has(hexEncode(key)),
    why: undefined,
  };
}

function rulesHere(why: string): RulesInForce {
  const accept = settingsOf(readAcceptRules);
  const users = alwaysRegistered(settingsOf(readUsers));
  const isAlwaysUser = (key: PublicKey): boolean => users.has(hexEncode(key));
  return { accept, budgets: undefined, isAlwaysUser, why };
}

function acceptRulesOf(reports: readonly ProcessReport[]): Record<string, AcceptRules> {
  const accept: Record<string, AcceptRules> = {};
  for (const { process, rules } of reports) {
    const text = rules['MOSAIC_ACCEPT'];
    if (text === undefined) continue;
    for (const [role, each] of Object.entries(parsed(text === 'not set' ? '' : text))) {
      if (process.service === role || process.service === 'standalone') accept[role] ??= each;
    }
  }
  return accept;
}

/** Rules of a newer version than this one's are not understood. */
function parsed(text: string): Readonly<Record<string, AcceptRules>> {
  try {
    return parseAcceptRules(text);
  } catch (error) {
    if (isMosaicError(error)) return {};
    throw error;
  }
}
