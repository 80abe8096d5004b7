/**
 * Accept rules as operators write them: a list like
 *
 *     kinds=!99, inbox.bytes=64KiB, inbox.bytes.registered=1MiB, outbox.quota=1GiB, inbox.age=30d
 *
 * `[role.]rule[.registered]=value`; a rule that names a role counts there before one that names none.
 */
import { ROLE_NAMES, type RoleName } from '@mosaic-cluster/bus';
import { MosaicError } from '@mosaic-cluster/protocol';
import { parseBytes, parseDurationMs } from '@mosaic-cluster/runtime';
import {
  ACCEPT_RULES,
  type AcceptBounds,
  type AcceptRule,
  type AcceptRules,
} from './accept-rules.ts';
import { parseKindSet } from './kind-set.ts';

type Writable = { -readonly [K in keyof AcceptBounds]: AcceptBounds[K] };

/** What is said for one role, or for all: index 0 for everybody, 1 for registered authors. */
type Said = readonly [Writable, Writable];

const READ: Readonly<Record<AcceptRule, (value: string) => unknown>> = {
  kinds: parseKindSet,
  bytes: sizeOf,
  tags: (value) => (/^\d{1,5}$/.test(value) ? Number(value) : 'say a number up to 99999'),
  age: durationOf,
  ahead: durationOf,
  quota: sizeOf,
};

/**
 * The rules of every role.
 *
 * @param text rules, separated by commas or blanks; empty: none
 * @throws MosaicError `invalid` (`accept-rules`) naming the rule that is wrong and what is allowed there
 */
export function parseAcceptRules(text: string): Readonly<Record<RoleName, AcceptRules>> {
  const all: Said = [{}, {}];
  const each = Object.fromEntries(
    ROLE_NAMES.map((role): [string, Said] => [role, [{}, {}]]),
  ) as Record<RoleName, Said>;
  for (const word of text.split(/[\s,]+/).filter((piece) => piece !== ''))
    readRule(word, all, each);
  return Object.fromEntries(ROLE_NAMES.map((role) => [role, rulesOf(all, each[role])])) as Record<
    RoleName,
    AcceptRules
  >;
}

function readRule(word: string, all: Said, each: Readonly<Record<RoleName, Said>>): void {
  const [path = '', value = '', ...more] = word.split('=');
  const names = path.split('.');
  const role = ROLE_NAMES.find((name) => name === names[0]);
  if (role !== undefined) names.shift();
  const [ruleWord, standing, ...rest] = names;
  const rule = ACCEPT_RULES.find((name) => name === ruleWord);
  if (rule === undefined) {
    throw fault(word, `there is no rule "${ruleWord}": take one of ${ACCEPT_RULES.join(', ')}`);
  }
  const isRegistered = standing === 'registered';
  if (
    rest.length + more.length > 0 ||
    value === '' ||
    (standing ?? 'registered') !== 'registered'
  ) {
    throw fault(word, `it is not [${ROLE_NAMES.join('|')}.]rule[.registered]=value`);
  }
  const read = READ[rule](value);
  if (typeof read === 'string') throw fault(word, read);
  const target = (role === undefined ? all : each[role])[isRegistered ? 1 : 0];
  if (target[rule] !== undefined) throw fault(word, 'it is said twice');
  Object.assign(target, { [rule]: read });
}

function rulesOf(all: Said, own: Said): AcceptRules {
  const everybody = { ...all[0], ...own[0] };
  const isSame = Object.keys(all[1]).length + Object.keys(own[1]).length === 0;
  return {
    everybody,
    registered: isSame ? undefined : { ...everybody, ...all[1], ...own[1] },
  };
}

function sizeOf(value: string): number | string {
  return parseBytes(value) ?? `"${value}" is no size: say 64KiB, 10MiB or 1GiB`;
}

function durationOf(value: string): number | string {
  return parseDurationMs(value) ?? `"${value}" is no duration: say 15m, 12h or 365d`;
}

function fault(word: string, why: string): MosaicError {
  return new MosaicError('invalid', 'accept-rules', `the rule "${word}" is wrong: ${why}`);
}
