/**
 * Feeds the parsers of this library with hostile input: no crash, no hang, and nothing accepted
 * that cannot be encoded again. Pure, so that the command runs it in a thread it can stop and the
 * tests run a short piece of it.
 */
import { hexEncode } from '../bytes.ts';
import { isMosaicError } from '../error.ts';
import type { VectorFile } from '../vectors/index.ts';
import { filterTarget } from './filter-target.ts';
import { keyScheduleTarget } from './key-schedule-target.ts';
import { messageTarget } from './message-target.ts';
import { profileTarget } from './profile-target.ts';
import { Random } from './random.ts';
import { recordTarget } from './record-target.ts';
import { seedsFrom } from './seeds.ts';
import { tagTarget } from './tag-target.ts';
import type { FuzzTarget } from './target.ts';
import { textTarget } from './text-target.ts';

export type { FuzzTarget } from './target.ts';

/** Longest that one input may take. Generous: a busy machine is no finding. */
export const INPUT_TIME_MAX_MS = 1000;
/** One input in so many has its signatures checked for real. */
const SIGNATURE_SAMPLE = 128;
/** Findings of one target that are kept; more of the same tell nothing. */
const FINDINGS_MAX = 10;
/** Bytes of an input that a finding shows. */
const SHOWN_BYTES_MAX = 512;

/** An input that broke a promise. */
export interface FuzzFinding {
  readonly target: string;
  /** Makes the input again, together with the seed. */
  readonly index: number;
  readonly why: string;
  /** Hex of the input's beginning. */
  readonly input: string;
}

/** What became of one target's inputs. */
export interface FuzzReport {
  readonly target: string;
  readonly runs: number;
  readonly accepted: number;
  readonly elapsedMs: number;
  readonly findings: readonly FuzzFinding[];
}

/** What a run needs from outside. */
export interface FuzzOptions {
  /** u32; the same seed makes the same inputs. */
  readonly seed: number;
  /** How many inputs. */
  readonly runs: number;
  /** Index of the first input. */
  readonly first?: number;
  /** Milliseconds from any fixed point, such as `performance.now`. */
  readonly now: () => number;
  /** The moment of `now` at which to stop early. */
  readonly deadlineMs?: number;
  /** Called before each input, so that another thread can see which one does not end. */
  readonly onInput?: (index: number) => void;
}

/** The seven targets, seeded from the golden vectors. */
export function fuzzTargets(files: readonly VectorFile[]): FuzzTarget[] {
  const seeds = seedsFrom(files);
  return [
    recordTarget(seeds.records),
    filterTarget(seeds.filters, seeds.records),
    messageTarget(seeds.messages),
    tagTarget(seeds.tagSections),
    keyScheduleTarget(seeds.keySchedules),
    textTarget(seeds.texts),
    profileTarget(seeds.profiles),
  ];
}

/** A number for the target's name, so that targets with one seed get different inputs. */
function streamOf(name: string): number {
  let stream = 0;
  for (let i = 0; i < name.length; i++) stream = Math.imul(stream, 31) + name.charCodeAt(i);
  return stream >>> 0;
}

/** The input of an index. */
export function fuzzInput(target: FuzzTarget, seed: number, index: number): Uint8Array {
  return target.generate(new Random(seed, streamOf(target.name), index));
}

/** Runs one input; the sentence of a finding, or whether it was accepted. */
function runInput(target: FuzzTarget, input: Uint8Array, isSampled: boolean): string | boolean {
  try {
    return target.run(input, isSampled);
  } catch (error) {
    if (isMosaicError(error)) return error.kind === 'internal' ? error.message : false;
    if (!(error instanceof Error)) return String(error);
    return `${error.name}: ${error.message} ${error.stack?.split('\n')[1]?.trim() ?? ''}`;
  }
}

/** Feeds `options.runs` inputs to a target; stops after ten findings. */
export function runFuzz(target: FuzzTarget, options: FuzzOptions): FuzzReport {
  const { seed, runs, first = 0, now, deadlineMs = Infinity, onInput } = options;
  const findings: FuzzFinding[] = [];
  const startMs = now();
  let accepted = 0;
  let done = 0;
  let beforeMs = startMs;
  while (done < runs && findings.length < FINDINGS_MAX && beforeMs < deadlineMs) {
    const index = first + done;
    onInput?.(index);
    const input = fuzzInput(target, seed, index);
    const outcome = runInput(target, input, index % SIGNATURE_SAMPLE === 0);
    const afterMs = now();
    const isSlow = afterMs - beforeMs > INPUT_TIME_MAX_MS;
    if (outcome === true) accepted += 1;
    if (isSlow || typeof outcome === 'string') {
      const why = isSlow ? `took ${Math.round(afterMs - beforeMs)} ms` : String(outcome);
      const shown = hexEncode(input.subarray(0, SHOWN_BYTES_MAX));
      findings.push({ target: target.name, index, why, input: shown });
    }
    beforeMs = afterMs;
    done += 1;
  }
  return { target: target.name, runs: done, accepted, elapsedMs: beforeMs - startMs, findings };
}
