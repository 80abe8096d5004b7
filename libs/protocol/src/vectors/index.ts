/**
 * Runs the golden vectors against this library: pure case logic without files or console, so that
 * the same runner serves the command, the tests and a browser.
 */
import { MosaicError } from '../error.ts';
import { type RecordView } from '../record.ts';
import { validateRecord } from '../record-validation.ts';
import { recordBytesFrom } from './byte-source.ts';
import { CaseFields, isJsonObject, VectorFailure } from './case-fields.ts';
import { type RecordLookup, runFilterMatchCase, runFilterParseCase } from './filters.ts';
import { runKeyScheduleCase } from './key-schedules.ts';
import { runKeyCase } from './keys.ts';
import { runKindCase } from './kinds.ts';
import { runMessageCase } from './messages.ts';
import { runProfileCase } from './profiles.ts';
import { runInvalidRecordCase, runLargeRecordCase, runValidRecordCase } from './records.ts';
import { runSignatureCase } from './signatures.ts';
import { runTagCase } from './tags.ts';
import { runTimestampCase } from './timestamps.ts';

/** The edition of the specification that the runner knows. */
const EDITION = '0.8.0';

/** One vector file: its name, with or without `.json`, and its parsed content. */
export interface VectorFile {
  readonly name: string;
  readonly data: unknown;
}

/** What became of one case. */
export interface VectorResult {
  /** The file's name without `.json`. */
  readonly set: string;
  /** The case's name; empty where the file itself is at fault. */
  readonly name: string;
  readonly ok: boolean;
  /** Why the case failed; undefined where it passed. */
  readonly why: string | undefined;
}

type CaseRunner = (fields: CaseFields, recordNamed: RecordLookup) => void;

const RUNNERS: ReadonlyMap<string, CaseRunner> = new Map<string, CaseRunner>([
  ['keys', runKeyCase],
  ['timestamps', runTimestampCase],
  ['kinds', runKindCase],
  ['tags', runTagCase],
  ['signatures', runSignatureCase],
  ['records-valid', runValidRecordCase],
  ['records-large', runLargeRecordCase],
  ['records-invalid', runInvalidRecordCase],
  ['filters-parse', runFilterParseCase],
  ['filters-match', runFilterMatchCase],
  ['messages', runMessageCase],
  ['keyschedule', runKeyScheduleCase],
  ['profile', runProfileCase],
]);

function setName(fileName: string): string {
  return fileName.replace(/\.json$/, '');
}

function casesOf(data: unknown): readonly unknown[] {
  const file = new CaseFields(data, 'file');
  const edition = file.text('spec');
  if (edition !== EDITION) throw new VectorFailure(`unknown edition "${edition}"`);
  file.text('set');
  file.text('about');
  const cases = file.list('cases');
  file.finish();
  if (cases.length === 0) throw new VectorFailure('the file has no cases');
  return cases;
}

/** Records of `records-valid` by name, each validated at most once. */
function recordLookup(files: readonly VectorFile[]): RecordLookup {
  const found = new Map<string, RecordView>();
  const file = files.find(({ name }) => setName(name) === 'records-valid');
  return (name) => {
    const known = found.get(name);
    if (known !== undefined) return known;
    if (file === undefined) throw new VectorFailure('records-valid is not in the directory');
    const item = casesOf(file.data).find((entry) => isJsonObject(entry) && entry['name'] === name);
    if (item === undefined) throw new VectorFailure(`records-valid has no case "${name}"`);
    const record = validateRecord(recordBytesFrom(new CaseFields(item)));
    found.set(name, record);
    return record;
  };
}

function explain(error: unknown): string {
  if (error instanceof VectorFailure) return error.message;
  if (error instanceof MosaicError) return `unexpected ${error.code} error: ${error.message}`;
  return `unexpected ${String(error)}`;
}

function runFile(file: VectorFile, recordNamed: RecordLookup): VectorResult[] {
  const set = setName(file.name);
  const failed = (name: string, error: unknown): VectorResult => {
    return { set, name, ok: false, why: explain(error) };
  };
  const runner = RUNNERS.get(set);
  if (runner === undefined) {
    return [
      failed('', new VectorFailure(`unknown file; known: ${[...RUNNERS.keys()].join(', ')}`)),
    ];
  }
  let cases: readonly unknown[];
  try {
    cases = casesOf(file.data);
  } catch (error) {
    return [failed('', error)];
  }
  const seen = new Set<string>();
  return cases.map((item, index) => {
    let name = `#${index}`;
    try {
      const fields = new CaseFields(item);
      name = fields.text('name');
      if (seen.has(name)) throw new VectorFailure('the name stands twice in the file');
      seen.add(name);
      runner(fields, recordNamed);
      fields.finish();
      return { set, name, ok: true, why: undefined };
    } catch (error) {
      return failed(name, error);
    }
  });
}

/**
 * Runs every case of the files of one directory.
 *
 * @param files every `*.json` of the directory; `filters-match` needs `records-valid` beside it
 * @returns one result per case, in order; a file that cannot be run is one failed result
 */
export function runVectors(files: readonly VectorFile[]): VectorResult[] {
  const recordNamed = recordLookup(files);
  return files.flatMap((file) => runFile(file, recordNamed));
}
