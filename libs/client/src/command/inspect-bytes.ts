/**
 * From bytes and what is known about them to the report: picks the type, then the inspector.
 */
import { type HumanKind, MosaicError, recordLengthFault } from '@mosaic-cluster/protocol';
import { detect, typeOfHuman } from './detect.ts';
import { count } from './display-text.ts';
import type { Decoded } from './encoding.ts';
import { inspectFilter } from './inspect-filter.ts';
import {
  inspectEncryptedKey,
  inspectKey,
  inspectReference,
  inspectSecretKey,
} from './inspect-key.ts';
import { inspectMessage } from './inspect-message.ts';
import { inspectProfilePayload } from './inspect-profile.ts';
import { inspectRecord } from './inspect-record.ts';
import { type Fault, type InputType, type Report, report } from './report.ts';

/** The types that can be asked for. */
export const INPUT_TYPES: readonly InputType[] = [
  'record',
  'key-schedule',
  'profile',
  'filter',
  'message',
  'key',
  'secret-key',
  'encrypted-key',
  'reference',
];

/** How an inspection is to be done. */
export interface InspectOptions {
  /** The type that the user says it is. */
  readonly as?: InputType | undefined;
  /** Whether long contents are shown whole. */
  readonly all: boolean;
  readonly showSecret: boolean;
  /** To open an encrypted key with. */
  readonly password?: string | undefined;
}

/** How a type was found: by the user, by a prefix, because it fits, or as the nearest. */
export type Certainty = 'forced' | 'named' | 'fits' | 'guessed';

/** A report and how its type was found. */
export interface Inspection {
  readonly report: Report;
  readonly certainty: Certainty;
}

/**
 * Looks into `decoded`.
 *
 * @returns undefined where nothing is known of that form and no type was asked for
 */
export function inspectBytes(decoded: Decoded, options: InspectOptions): Inspection | undefined {
  const { bytes, human } = decoded;
  if (options.as !== undefined) {
    if (human !== undefined && !allows(human, options.as)) {
      return { report: misnamed(options.as, typeOfHuman(human)), certainty: 'forced' };
    }
    return { report: inspectAs(options.as, decoded, options), certainty: 'forced' };
  }
  if (human !== undefined) {
    return { report: inspectAs(typeOfHuman(human), decoded, options), certainty: 'named' };
  }
  const detected = detect(bytes);
  if (detected === undefined) return undefined;
  const certainty = detected.isGuess ? 'guessed' : 'fits';
  return { report: inspectAs(detected.type, decoded, options), certainty };
}

/** Whether a human encoding can hold a `type`; else its bytes, maybe secret, are not looked at. */
function allows(human: HumanKind, type: InputType): boolean {
  if (human === 'record') return RECORD_TYPES.has(type);
  return typeOfHuman(human) === type;
}

const RECORD_TYPES: ReadonlySet<InputType> = new Set(['record', 'key-schedule', 'profile']);

function misnamed(wanted: InputType, named: InputType): Report {
  const message = `its prefix says ${named.replace('-', ' ')}, not ${wanted.replace('-', ' ')}`;
  return report(wanted, { fault: { code: 'prefix', step: 'prefix', message, range: undefined } });
}

function inspectAs(type: InputType, decoded: Decoded, options: InspectOptions): Report {
  const { bytes, human } = decoded;
  switch (type) {
    case 'record':
      return inspectRecord(bytes, 0, options.all);
    case 'key-schedule':
      return expecting(inspectRecord(bytes, 0, options.all), 'keySchedule', 'key schedule');
    case 'profile':
      return recordLengthFault(bytes) === undefined
        ? expecting(inspectRecord(bytes, 0, options.all), 'profile', 'profile')
        : inspectProfilePayload(bytes);
    case 'filter':
      return inspectFilter(bytes, 0);
    case 'message':
      return inspectMessage(bytes, options.all);
    case 'key':
      return inspectKey(bytes, human === undefined && options.as === undefined);
    case 'secret-key':
      return inspectSecretKey(bytes, options.showSecret);
    case 'encrypted-key':
      return inspectEncryptedKey(bytes, options.password, options.showSecret);
    case 'reference':
      return inspectReference(bytes);
    default:
      throw new MosaicError('internal', 'inspect', 'an input type without an inspector');
  }
}

/** A record's report that is at fault unless the record holds what was asked for. */
function expecting(found: Report, nested: string, what: string): Report {
  if (found.fault !== undefined || found.nested.some(({ name }) => name === nested)) return found;
  const message = `the record is valid, but its kind is not that of a ${what}`;
  const fault: Fault = { code: 'kind', step: 'kind', message, range: { start: 56, end: 64 } };
  return { ...found, fault };
}

/** A report on bytes that resemble nothing. */
export function unknownReport(bytes: Uint8Array): { message: string; remedy: string } {
  const message =
    bytes.length === 0
      ? 'there are no bytes'
      : `nothing in Mosaic looks like these ${count(bytes.length, 'byte')}`;
  return { message, remedy: `--as TYPE says what they should be: ${INPUT_TYPES.join(', ')}` };
}
