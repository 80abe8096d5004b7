/**
 * The validation of a record, step by step: the library names the first fault, people who look
 * for the cause want to see every step that can still be judged.
 */
import {
  describeKeyFault,
  equalAt,
  h64,
  isMosaicError,
  type MosaicError,
  publicKeyFault,
  RECORD_AT,
  recordFieldsFault,
  recordIdFault,
  recordLengthFault,
  recordSignatureFault,
  RecordView,
} from '@mosaic-cluster/protocol';
import type { Check } from './report.ts';

const LABELS: readonly (readonly [step: string, label: string])[] = [
  ['1', 'length'],
  ['2', 'sum of lengths'],
  ['3', 'signing key'],
  ['4', 'author key'],
  ['flags', 'flags'],
  ['nonce', 'nonce'],
  ['kind', 'kind'],
  ['timestamp', 'timestamp'],
  ['tags', 'tags'],
  ['7', 'hash in the ID'],
  ['8', 'timestamp in the ID'],
  ['9', 'signature'],
];

/** The steps that the library checks together; it names the first that fails. */
const FIELD_STEPS: readonly string[] = ['flags', 'nonce', 'kind', 'timestamp', 'tags'];

type Finding = Pick<Check, 'verdict' | 'message'>;

const PASSED: Finding = { verdict: 'passed' };
const SKIPPED: Finding = { verdict: 'skipped' };

function failed(message: string): Finding {
  return { verdict: 'failed', message };
}

/** Judges every step, those behind a failed one included wherever they can be. */
export function recordChecks(bytes: Uint8Array): Check[] {
  const findings = findingsOf(bytes);
  return LABELS.map(([step, label]) => ({ step, label, ...(findings.get(step) ?? PASSED) }));
}

/** By step; steps that passed are absent. */
function findingsOf(bytes: Uint8Array): Map<string, Finding> {
  const findings = new Map<string, Finding>();
  const length = recordLengthFault(bytes);
  if (length !== undefined) {
    const failedAt = LABELS.findIndex(([step]) => step === length.step);
    for (const [step] of LABELS.slice(failedAt)) findings.set(step, SKIPPED);
    findings.set(length.step ?? '1', failed(length.message));
    return findings;
  }
  const record = new RecordView(bytes);
  const signing = publicKeyFault(record.signingKey);
  if (signing !== undefined) findings.set('3', failed(describeKeyFault(signing)));
  const author = publicKeyFault(record.author);
  if (author !== undefined) findings.set('4', failed(describeKeyFault(author)));
  noteFields(findings, recordFieldsFault(record));
  const prehash = h64(record.signedData);
  const id = recordIdFault(record, prehash);
  if (id?.step === '7') findings.set('7', failed(id.message));
  if (!equalAt(bytes, 0, bytes, RECORD_AT.timestamp, 8)) {
    findings.set('8', failed("the ID's timestamp is not the record's"));
  }
  const signature = signing === undefined ? recordSignatureFault(record, prehash) : undefined;
  if (signature !== undefined) findings.set('9', failed(signature.message));
  if (signing !== undefined) findings.set('9', SKIPPED);
  return findings;
}

function noteFields(findings: Map<string, Finding>, error: MosaicError | undefined): void {
  if (error === undefined) return;
  // Step 11, the reserved flag bytes, is a part of the flags here.
  const step = error.step === '11' ? 'flags' : (error.step ?? 'flags');
  for (const later of FIELD_STEPS.slice(FIELD_STEPS.indexOf(step))) findings.set(later, SKIPPED);
  findings.set(step, failed(error.message));
}

/** The error that `run` throws; undefined where it succeeds. */
export function errorOf(run: () => unknown): MosaicError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (isMosaicError(error)) return error;
    throw error;
  }
}
