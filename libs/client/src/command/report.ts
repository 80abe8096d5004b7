/**
 * What `mosaic inspect` finds out, before it becomes text or JSON: both are made from the same
 * report, so neither can know more than the other.
 */
import type { ByteRange, MosaicError } from '@mosaic-cluster/protocol';

/** What JSON can hold; 64-bit integers are decimal strings in it, bytes lower-case hex. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json };

/** What an input can be. */
export type InputType =
  | 'record'
  | 'key-schedule'
  | 'profile'
  | 'filter'
  | 'message'
  | 'key'
  | 'secret-key'
  | 'encrypted-key'
  | 'reference';

/** One thing that was read. */
export interface Field {
  /** Its name in JSON. */
  readonly name: string;
  /** Its name for people. */
  readonly label: string;
  /** Where it lies in the input. */
  readonly range?: ByteRange;
  readonly value: Json;
  /** What people read, safe for a terminal; the lines may be wrapped. */
  readonly lines: readonly string[];
}

/** Things of one sort, such as tags. */
export interface Group {
  readonly name: string;
  readonly label: string;
  /** Their names are not used: a group is a list. */
  readonly items: readonly Field[];
}

/** One step of a validation. */
export interface Check {
  /** The step's name, as `MosaicError.step` has it where there is one. */
  readonly step: string;
  readonly label: string;
  /** `skipped`: an earlier step failed that this one builds on. */
  readonly verdict: 'passed' | 'failed' | 'skipped';
  readonly message?: string;
}

/** Why an input is invalid. */
export interface Fault {
  readonly code: string;
  readonly step: string | undefined;
  readonly message: string;
  readonly range: ByteRange | undefined;
}

/** What is known about an input, or about a part of it. */
export interface Report {
  readonly type: InputType;
  readonly fields: readonly Field[];
  readonly groups: readonly Group[];
  /** A record or filter inside a message, a profile or key schedule inside a record. */
  readonly nested: readonly { readonly name: string; readonly report: Report }[];
  readonly checks: readonly Check[];
  readonly fault: Fault | undefined;
  /** Things worth knowing that are no faults. */
  readonly remarks: readonly string[];
}

/** A report with only what is given. */
export function report(type: InputType, parts: Partial<Omit<Report, 'type'>>): Report {
  const nothing = { fields: [], groups: [], nested: [], checks: [], fault: undefined, remarks: [] };
  return { ...nothing, ...parts, type };
}

/** The fault that an error tells of. @param base what its byte range counts from */
export function faultOf(error: MosaicError, base = 0): Fault {
  const { code, step, message, range } = error;
  const moved = range && { start: range.start + base, end: range.end + base };
  return { code, step, message, range: moved };
}

/** A range `[start:end)`. */
export function span(start: number, end: number): ByteRange {
  return { start, end };
}
