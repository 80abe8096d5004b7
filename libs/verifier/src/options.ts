/** What can be chosen about a verifier, with its defaults and limits. */
import { availableParallelism } from 'node:os';
import { MosaicError } from '@mosaic-cluster/protocol';
import type { AdmissionLimits } from './admission.ts';
import type { QuickLimits } from './quick-check.ts';
import type { VerifierKind } from './tools.ts';

/** The numbers of a verifier. */
export interface VerifierSettings extends AdmissionLimits, QuickLimits {
  /** Worker threads; 0: none. Default: one less than there are cores, at least 1. */
  readonly workers: number;
  /** Most records pending; further ones are refused. Default 8,192: a second of one thread. */
  readonly queueRecordsMax: number;
  /** Most bytes of the records pending; further ones are refused. Default 64 MiB. */
  readonly queueBytesMax: number;
  /** Most records handed to a worker at once. Default 64: some 8 ms of work. */
  readonly batchRecordsMax: number;
  /** Most bytes handed to a worker at once, a single larger record aside. Default 1 MiB. */
  readonly batchBytesMax: number;
  /**
   * With workers: most records checked by the caller's thread in one turn of its event loop, while
   * the workers have nothing to do; 0: none. Default 2: some 0.2 ms of work.
   */
  readonly quickRecordsMax: number;
  /** Most bytes of these records. Default 16 KiB. */
  readonly quickBytesMax: number;
  /** Without workers: milliseconds of work before other work gets its turn. Default 4. */
  readonly sliceMs: number;
  /** Milliseconds until a worker that does not start is given up. Default 30,000: starved machines take their time. */
  readonly startDeadlineMs: number;
  /** Milliseconds until a worker that does not answer a batch is replaced. Default 10,000. */
  readonly batchDeadlineMs: number;
  /** Milliseconds that `close` waits for what was taken on. Default 5,000. */
  readonly closeDeadlineMs: number;
  /** Milliseconds before a failed worker is replaced; doubles to 5,000 while it fails. Default 50. */
  readonly restartMs: number;
}

/** Options of `createVerifier`; all have defaults. */
export interface VerifierOptions extends Partial<VerifierSettings> {
  /** How to check signatures. Default `native`, which becomes `exact` where it does not load. */
  readonly kind?: VerifierKind;
  /** Told once for each part that did not load and was replaced by slower code. */
  readonly onFallback?: (reason: MosaicError) => void;
  /** Told of every worker thread that failed; it is being replaced. */
  readonly onWorkerLost?: (reason: MosaicError) => void;
  /** The worker's script, for programs bundled into one file. Default: this package's own. */
  readonly workerUrl?: URL;
}

const LEAST: Readonly<Record<keyof VerifierSettings, number>> = {
  workers: 0,
  queueRecordsMax: 1,
  queueBytesMax: 1,
  batchRecordsMax: 1,
  batchBytesMax: 1,
  quickRecordsMax: 0,
  quickBytesMax: 0,
  sliceMs: 0,
  startDeadlineMs: 1,
  batchDeadlineMs: 1,
  closeDeadlineMs: 0,
  restartMs: 1,
};

/** Most worker threads. */
const WORKERS_MAX = 256;

/**
 * The options with their defaults.
 *
 * @throws MosaicError `invalid` with code `verifier-option`, naming the option
 */
export function verifierSettings(options: VerifierOptions): VerifierSettings {
  const settings: VerifierSettings = {
    workers: options.workers ?? Math.max(1, availableParallelism() - 1),
    queueRecordsMax: options.queueRecordsMax ?? 8192,
    queueBytesMax: options.queueBytesMax ?? 64 * 1024 * 1024,
    batchRecordsMax: options.batchRecordsMax ?? 64,
    batchBytesMax: options.batchBytesMax ?? 1024 * 1024,
    quickRecordsMax: options.quickRecordsMax ?? 2,
    quickBytesMax: options.quickBytesMax ?? 16 * 1024,
    sliceMs: options.sliceMs ?? 4,
    startDeadlineMs: options.startDeadlineMs ?? 30_000,
    batchDeadlineMs: options.batchDeadlineMs ?? 10_000,
    closeDeadlineMs: options.closeDeadlineMs ?? 5000,
    restartMs: options.restartMs ?? 50,
  };
  for (const [name, least] of Object.entries(LEAST)) {
    const value = settings[name as keyof VerifierSettings];
    const most = name === 'workers' ? WORKERS_MAX : 0x7fff_ffff;
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new MosaicError(
        'invalid',
        'verifier-option',
        `${name} must be a whole number from ${least} to ${most}, not ${value}`,
      );
    }
  }
  return settings;
}
