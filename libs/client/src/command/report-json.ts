/**
 * A report as JSON, for programs. The shape is stable: names are added, never renamed or dropped.
 */
import type { ByteRange } from '@mosaic-cluster/protocol';
import type { Field, Json, Report } from './report.ts';

type JsonObject = { readonly [name: string]: Json };

/** `{type, valid, fault, fields, ranges, nested, checks, remarks}`; ranges are `[start, end]`. */
export function reportJson(report: Report): JsonObject {
  const { type, fault, fields, groups, nested, checks, remarks } = report;
  const ranged = fields.filter((field) => field.range !== undefined);
  return {
    type,
    valid: fault === undefined,
    fault:
      fault === undefined
        ? null
        : {
            code: fault.code,
            step: fault.step ?? fault.code,
            message: fault.message,
            range: rangeJson(fault.range),
          },
    fields: Object.fromEntries([
      ...fields.map((field): [string, Json] => [field.name, field.value]),
      ...groups.map((group): [string, Json] => [group.name, group.items.map(itemJson)]),
    ]),
    ranges: Object.fromEntries(ranged.map(({ name, range }) => [name, rangeJson(range)])),
    nested: Object.fromEntries(nested.map(({ name, report: inner }) => [name, reportJson(inner)])),
    checks: checks.map((check) => ({ ...check })),
    remarks,
  };
}

/** JSON text with a line per name, a range on one line. */
export function jsonText(value: Json): string {
  const text = JSON.stringify(value, null, 2);
  return `${text.replace(/\[\n\s+(\d+),\n\s+(\d+)\n\s+\]/g, '[$1, $2]')}\n`;
}

function rangeJson(range: ByteRange | undefined): Json {
  return range === undefined ? null : [range.start, range.end];
}

function itemJson(item: Field): Json {
  const range = rangeJson(item.range);
  const isObject =
    typeof item.value === 'object' && item.value !== null && !Array.isArray(item.value);
  return isObject ? { ...(item.value as JsonObject), range } : { value: item.value, range };
}
