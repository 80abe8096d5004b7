/** Filter elements as the vector files write them. */
import { hexEncode } from '../bytes.ts';
import {
  FILTER_ELEMENT,
  type FilterElementName,
  type FilterElementView,
  type FilterView,
} from '../filter.ts';
import type { FilterElementInput } from '../filter-build.ts';
import { decodeTimestamp } from '../timestamp.ts';
import { type CaseFields, parseDecimal, parseHex, VectorFailure } from './case-fields.ts';

const NAME_OF_TYPE: ReadonlyMap<number, FilterElementName> = new Map(
  Object.entries(FILTER_ELEMENT).map(([name, type]) => [type, name as FilterElementName]),
);

function describeElement(element: FilterElementView): Readonly<Record<string, unknown>> {
  const type = FILTER_ELEMENT[element.name];
  const { entries } = element;
  switch (element.name) {
    case 'authors':
    case 'signingKeys':
      return { type, keys: entries.map(hexEncode) };
    case 'kinds':
      return { type, kinds: entries.map(hexEncode) };
    case 'timestamps':
      return { type, timestamps: entries.map((entry) => String(decodeTimestamp(entry))) };
    case 'includedTags':
    case 'excludedTags':
      return {
        type,
        tags: element.tags.map((tag) => ({ type: tag.type, value: hexEncode(tag.value) })),
      };
    case 'exclude':
      return { type, id_prefixes: entries.map(hexEncode) };
    case 'since':
    case 'until':
    case 'receivedSince':
    case 'receivedUntil':
      return { type, timestamp: entries.map((entry) => String(decodeTimestamp(entry))).join() };
    default:
      throw new VectorFailure('a filter element without a description');
  }
}

/** All elements of a filter, those that do not count included. */
export function describeElements(filter: FilterView): Readonly<Record<string, unknown>>[] {
  return filter.elements.map(describeElement);
}

function hexList(fields: CaseFields, name: string): Uint8Array[] {
  return fields.list(name).map((value) => parseHex(value, name));
}

/** An element to build. */
export function elementInput(fields: CaseFields): FilterElementInput {
  const type = fields.integer('type');
  const name = NAME_OF_TYPE.get(type);
  switch (name) {
    case 'authors':
    case 'signingKeys':
      return { name, keys: hexList(fields, 'keys') };
    case 'kinds':
      return { name, kinds: hexList(fields, 'kinds') };
    case 'timestamps':
      return {
        name,
        timestamps: fields.list('timestamps').map((value) => parseDecimal(value, 'timestamps')),
      };
    case 'includedTags':
    case 'excludedTags':
      return {
        name,
        tags: fields
          .objects('tags')
          .map((tag) => ({ type: tag.integer('type'), value: tag.hex('value') })),
      };
    case 'exclude':
      return { name, idPrefixes: hexList(fields, 'id_prefixes') };
    case 'since':
    case 'until':
    case 'receivedSince':
    case 'receivedUntil':
      return { name, timestamp: fields.decimal('timestamp') };
    default:
      throw new VectorFailure(`unknown element type ${type}`);
  }
}
