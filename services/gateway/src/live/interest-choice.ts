/**
 * Picks the one part of a filter under which a subscription is filed: the part that the fewest
 * records are expected to have. A record that lacks it cannot match, so nobody need look.
 */
import type { LiveInterest } from '@mosaic-cluster/bus';
import { type FilterElementView, type FilterView, TAG_HEAD_BYTES } from '@mosaic-cluster/protocol';
import { textOf } from '../key-text.ts';

/** What subscriptions are filed under. */
export type InterestName = 'author' | 'signingKey' | 'tag' | 'timestamp' | 'kind';

/** One place where a subscription is filed: the bytes that a record must have. */
export interface InterestKey {
  readonly name: InterestName;
  /** The bytes as text. */
  readonly text: string;
  /** Of a tag; 0 for the rest. */
  readonly tagType: number;
  /** The same for the bus, which may know less precise interests. */
  readonly interest: LiveInterest;
}

/**
 * How many of a server's records, very roughly, have one given value. A kind is shared by a good
 * part of all records; a person's records, or those about a person, are few.
 */
const COMMONNESS: Readonly<Record<InterestName, number>> = {
  timestamp: 1,
  signingKey: 100,
  author: 101,
  tag: 102,
  kind: 100_000,
};

interface Choice {
  readonly name: InterestName;
  readonly element: FilterElementView;
}

/**
 * Where to file a filter; a live record must have one of the keys. Empty for a filter that can
 * match nothing, or has no narrow element.
 *
 * @param filter its bytes are kept and must not change
 */
export function interestKeys(filter: FilterView): InterestKey[] {
  let best: Choice | undefined;
  let bestCost = Infinity;
  for (const choice of choices(filter)) {
    const cost = choice.element.entries.length * COMMONNESS[choice.name];
    if (cost >= bestCost) continue;
    best = choice;
    bestCost = cost;
  }
  if (best === undefined) return [];
  const { name, element } = best;
  const keys = new Map<string, InterestKey>();
  for (const entry of element.entries) {
    const key = interestKey(name, entry);
    keys.set(key.text, key);
  }
  return [...keys.values()];
}

function* choices(filter: FilterView): Generator<Choice> {
  for (const element of filter.effectiveElements) {
    switch (element.name) {
      case 'authors':
        yield { name: 'author', element };
        break;
      case 'signingKeys':
        yield { name: 'signingKey', element };
        break;
      case 'includedTags':
        yield { name: 'tag', element };
        break;
      case 'timestamps':
        yield { name: 'timestamp', element };
        break;
      case 'kinds':
        yield { name: 'kind', element };
        break;
      default:
        break;
    }
  }
}

function interestKey(name: InterestName, entry: Uint8Array): InterestKey {
  const text = textOf(entry);
  switch (name) {
    case 'author':
      return { name, text, tagType: 0, interest: { author: entry } };
    case 'signingKey':
      return { name, text, tagType: 0, interest: { signingKey: entry } };
    case 'kind':
      return { name, text, tagType: 0, interest: { kind: entry } };
    case 'tag': {
      const tagType = entry[2]! | (entry[TAG_HEAD_BYTES - 1]! << 8);
      return { name, text, tagType, interest: { tag: entry } };
    }
    case 'timestamp':
      return { name, text, tagType: 0, interest: {} };
  }
}
