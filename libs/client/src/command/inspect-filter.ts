/**
 * What a filter asks for.
 */
import {
  FILTER_ELEMENT,
  type FilterElementName,
  type FilterElementView,
  type FilterView,
  hexEncode,
  parseFilter,
} from '@mosaic-cluster/protocol';
import { count } from './display-text.ts';
import { type Shown, showHex, showKey, showKind, showTimestampBytes } from './display-value.ts';
import { tagField } from './inspect-tag.ts';
import { errorOf } from './record-checks.ts';
import { faultOf, type Field, type Report, report, span } from './report.ts';

const LABELS: Readonly<Record<FilterElementName, string>> = {
  authors: 'author is any of',
  signingKeys: 'signed by any of',
  kinds: 'kind is any of',
  timestamps: 'time is any of',
  includedTags: 'has any tag of',
  since: 'since',
  until: 'until',
  receivedSince: 'received since',
  receivedUntil: 'received until',
  exclude: 'ID is none of',
  excludedTags: 'has no tag of',
};

/** Looks into a filter. @param base where it starts in the input, for byte ranges */
export function inspectFilter(bytes: Uint8Array, base: number): Report {
  let filter: FilterView | undefined;
  const error = errorOf(() => {
    filter = parseFilter(bytes);
  });
  if (error !== undefined || filter === undefined) {
    return report('filter', { fault: error && faultOf(error, base) });
  }
  const effective = new Set(filter.effectiveElements);
  const items = filter.elements.map((element) =>
    elementField(element, base, effective.has(element)),
  );
  return report('filter', {
    fields: [
      {
        name: 'isNarrow',
        label: 'narrow',
        value: filter.isNarrow,
        lines: [filter.isNarrow ? 'yes' : 'no'],
      },
    ],
    groups: [{ name: 'elements', label: 'elements', items }],
    remarks: remarksOn(filter, effective.size),
  });
}

function entryOf(element: FilterElementView, entry: Uint8Array): Shown {
  switch (element.name) {
    case 'authors':
    case 'signingKeys':
      return showKey(entry);
    case 'kinds': {
      const kind = showKind(entry);
      return { value: hexEncode(entry), lines: kind.lines };
    }
    case 'exclude':
      return showHex(entry);
    default:
      return showTimestampBytes(entry);
  }
}

function elementField(element: FilterElementView, base: number, counts: boolean): Field {
  const tags = element.tags.map((tag) => tagField(tag, base));
  const entries = element.isRepeatable
    ? tags.map((tag) => ({ value: tag.value, lines: [`${tag.label}: ${tag.lines.join(' ')}`] }))
    : element.entries.map((entry) => entryOf(element, entry));
  const headAt = element.start - 8;
  const end = headAt + 8 * element.source[headAt + 1]!;
  const lines = entries.flatMap((entry) => entry.lines);
  return {
    name: 'element',
    label: LABELS[element.name],
    range: span(headAt + base, end + base),
    value: {
      type: FILTER_ELEMENT[element.name],
      name: element.name,
      isNarrow: element.isNarrow,
      counts,
      entries: entries.map((entry) => entry.value),
    },
    lines: [
      ...(lines.length === 0 ? ['(nothing)'] : lines),
      ...(counts ? [] : ['(does not count: only the first element of this type does)']),
    ],
  };
}

function remarksOn(filter: FilterView, effective: number): string[] {
  const remarks: string[] = [];
  if (!filter.isNarrow) {
    remarks.push(
      'no element says what is wanted (author, signing key, kind, time, tag): servers refuse the ' +
        'filter as TOO_OPEN',
    );
  }
  const ignored = filter.elements.length - effective;
  if (ignored > 0) remarks.push(`${count(ignored, 'element')} repeated and ignored`);
  return remarks;
}
