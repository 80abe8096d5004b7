/** The settings of abuse control, which every process with a gateway in it has. */
import {
  type AddressRange,
  type AlwaysRegistered,
  alwaysRegistered,
  budgetSettings,
  type BudgetTable,
  parseAddressRange,
  parseBudgets,
  type PenaltyRules,
} from '@mosaic-cluster/abuse';
import { isMosaicError } from '@mosaic-cluster/protocol';
import { type ConfigOf, settingTexts } from '@mosaic-cluster/runtime';

const own = {
  allowed: {
    name: 'MOSAIC_ALLOWED',
    type: 'list',
    of: { type: 'string', lengthMax: 64 },
    default: '127.0.0.0/8,::1',
    doc: 'Address ranges that are never banned and get the budgets of registered users, besides those that `mosaic-admin allow` adds. Behind a balancer that does not tell the addresses of clients, its own belongs here: they all come from it.',
  },
  knownAfter: {
    name: 'MOSAIC_KNOWN_AFTER',
    type: 'duration',
    min: '0s',
    max: '365d',
    default: '1d',
    doc: 'How long ago this server must have received a record of a master key for the keys in its key schedule to count as attested, with better budgets. Anybody can publish a key schedule, but not yesterday.',
  },
  banThreshold: {
    name: 'MOSAIC_BAN_THRESHOLD',
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 100,
    doc: 'Penalty points beyond which an address or key is banned for a time; docs/abuse.md says what earns them.',
  },
  banFirst: {
    name: 'MOSAIC_BAN_FIRST',
    type: 'duration',
    min: '1s',
    max: '30d',
    default: '1m',
    doc: 'How long the first ban lasts that somebody earns. Each further one within a day after the last lasts twice as long.',
  },
  banLongest: {
    name: 'MOSAIC_BAN_LONGEST',
    type: 'duration',
    min: '1s',
    max: '30d',
    default: '1d',
    doc: 'How long a ban lasts at most that somebody earns.',
  },
} as const;

/** Settings of abuse control. */
export const abuseSettings: typeof budgetSettings & typeof own = { ...budgetSettings, ...own };

/** What the settings of abuse control amount to. */
export type AbuseConfig = ConfigOf<typeof abuseSettings>;

/** What the parts of abuse control go by. */
export interface AbuseRules {
  readonly budgets: BudgetTable;
  readonly penalties: Partial<PenaltyRules>;
  readonly alwaysAllowed: readonly AddressRange[];
  readonly alwaysRegistered: AlwaysRegistered;
}

/** The rules that the settings say. @throws MosaicError `invalid` for what {@link abuseProblems} names */
export function abuseRules(config: AbuseConfig): AbuseRules {
  return {
    budgets: parseBudgets(config.budgets ?? ''),
    penalties: {
      threshold: config.banThreshold,
      firstBanMs: config.banFirst,
      longestBanMs: config.banLongest,
    },
    alwaysAllowed: config.allowed.map(parseAddressRange),
    alwaysRegistered: alwaysRegistered(config.users),
  };
}

/** The settings that say what clients may do, as they are in force, by name; budgets and users are told apart. */
export function abuseSettingTexts(config: AbuseConfig): Record<string, string> {
  const { limits, futureMax } = budgetSettings;
  return settingTexts({ limits, futureMax, ...own }, config);
}

/** What is wrong with settings that are well formed, each by itself. */
export function abuseProblems(config: AbuseConfig): string[] {
  const problems: string[] = [];
  const check = (name: string, parse: () => unknown): void => {
    try {
      parse();
    } catch (error) {
      if (!isMosaicError(error)) throw error;
      problems.push(`${name}: ${error.message}`);
    }
  };
  for (const text of config.allowed) check('MOSAIC_ALLOWED', () => parseAddressRange(text));
  check('MOSAIC_BUDGETS', () => parseBudgets(config.budgets ?? ''));
  if (config.banFirst > config.banLongest) {
    problems.push('MOSAIC_BAN_FIRST is longer than MOSAIC_BAN_LONGEST');
  }
  return problems;
}
