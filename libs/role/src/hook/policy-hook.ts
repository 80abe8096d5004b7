/**
 * The policy hook: asks an operator's own program about every record that is about to be stored, and goes
 * on without it, in a way that the operator chose, where it does not answer.
 */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { RoleName, Submission } from '@mosaic-cluster/bus';
import {
  hexEncode,
  MosaicError,
  type RecordView,
  RESULT,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import type { Logger } from '@mosaic-cluster/runtime';
import { hookRequest, type HookVerdict, readHookAnswer } from './hook-message.ts';
import { HookProcess } from './hook-process.ts';

/** How an answer came about; what is no decision of the program is decided by the fallback. */
export const HOOK_ANSWERS = [
  'accept',
  'hold',
  'reject',
  /** It came too late or not at all. */
  'late',
  /** The program does not run, or ended before it answered. */
  'gone',
  /** Too much waited for an answer already. */
  'busy',
  /** It could not be understood. */
  'malformed',
] as const;
/** One of {@link HOOK_ANSWERS}. */
export type HookAnswerName = (typeof HOOK_ANSWERS)[number];

/** What is done with a record that the program does not decide on. */
export const HOOK_FALLBACKS = ['accept', 'reject', 'busy'] as const;
/** One of {@link HOOK_FALLBACKS}: `busy` has its submitter try again later. */
export type HookFallback = (typeof HOOK_FALLBACKS)[number];

/** What a hook tells those who watch it. */
export interface HookEvents {
  /** @param seconds from question to decision */
  answered?(by: HookAnswerName, seconds: number): void;
  /** A line that answers nothing that is waited for. */
  useless?(): void;
}

/** How a hook is opened. */
export interface PolicyHookOptions {
  /** The program, by its path, and its arguments. */
  readonly command: readonly string[];
  readonly fallback: HookFallback;
  /** Milliseconds in which a record must be decided on. */
  readonly timeoutMs: number;
  /** Larger payloads are not shown to the program. */
  readonly payloadBytesMax: number;
  readonly log: Logger;
  readonly events?: HookEvents;
  /** See `HookProcessOptions`. */
  readonly pauseMs?: number;
}

/** What a hook is asked. */
export interface HookQuestion {
  readonly role: RoleName;
  readonly submissions: readonly Submission[];
  readonly receivedAt: Timestamp;
}

/** Something that waits for an answer. */
interface Waiting {
  readonly record: RecordView;
  readonly askedMs: number;
  readonly decide: (verdict: HookVerdict) => void;
}

/** Records that wait for an answer; what is more is decided by the fallback. */
export const HOOK_WAITING_MAX = 4096;
/** The same, as bytes that the program has not read yet. */
const UNREAD_BYTES_MAX = 16 * 1024 * 1024;
/** Lines in a row that answer nothing: then the program is started again. */
const USELESS_MAX = 1000;
/** A program that answers nothing for so many times the timeout is started again. */
const SILENT_TIMES = 5;
/** Between two sentences about the same nuisance. */
const REPEAT_MS = 60_000;

/** None of these is one that tells of the submitter, who can do nothing for it: it earns no penalty. */
const FALLBACK: Readonly<Record<HookFallback, HookVerdict>> = {
  accept: 'accept',
  reject: RESULT.PERSISTENT_ERROR,
  busy: RESULT.TEMPORARY_ERROR,
};

/**
 * Starts an operator's program.
 *
 * @throws MosaicError `invalid` (`policy-hook`) where there is no such program
 */
export async function openPolicyHook(options: PolicyHookOptions): Promise<PolicyHook> {
  const [program = ''] = options.command;
  try {
    await access(program, constants.X_OK);
  } catch (cause) {
    const message = `the policy hook "${program}" is no program that can be run: name it by its path, and make it executable`;
    throw new MosaicError('invalid', 'policy-hook', message, { cause });
  }
  return new PolicyHook(options);
}

/** Asks a program. */
export class PolicyHook {
  readonly #options: PolicyHookOptions;
  readonly #process: HookProcess;
  readonly #waiting = new Map<string, Waiting>();
  readonly #saidMs = new Map<string, number>();
  #asked = 0;
  #useless = 0;
  /** Since when it has answered nothing that was due; undefined: it answers. */
  #silentSinceMs: number | undefined;
  #isClosed = false;

  constructor(options: PolicyHookOptions) {
    this.#options = options;
    const { command, log, pauseMs } = options;
    this.#process = new HookProcess({
      command,
      log,
      ...(pauseMs === undefined ? {} : { pauseMs }),
      onLine: (line) => this.#heard(line),
      onGone: () => this.#forsake('gone', [...this.#waiting.keys()]),
    });
  }

  /** Records that wait for an answer. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** How often the program was started again. */
  get restarts(): number {
    return this.#process.restarts;
  }

  /** Has records decided on. Never rejects. @returns a verdict for each, in order */
  async ask({ role, submissions, receivedAt }: HookQuestion): Promise<HookVerdict[]> {
    const ids: string[] = [];
    const lines: string[] = [];
    const verdicts = submissions.map(async (submission) => {
      const reason = this.#reasonNotToAsk();
      if (reason !== undefined) return this.#fall(reason, performance.now());
      const id = String((this.#asked += 1));
      const { payloadBytesMax } = this.#options;
      ids.push(id);
      lines.push(hookRequest(id, role, submission, receivedAt, payloadBytesMax));
      return this.#wait(id, submission.record);
    });
    if (ids.length > 0) {
      this.#process.write(lines.join(''));
      const timer = setTimeout(() => this.#late(ids), this.#options.timeoutMs);
      return Promise.all(verdicts).finally(() => clearTimeout(timer));
    }
    return Promise.all(verdicts);
  }

  /** Ends the program. What is not decided on is decided by the fallback, as is what comes later. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#process.close();
    this.#forsake('gone', [...this.#waiting.keys()]);
  }

  #reasonNotToAsk(): 'gone' | 'busy' | undefined {
    const { unreadBytes } = this.#process;
    if (unreadBytes === undefined || this.#isClosed) return 'gone';
    const isBusy = this.#waiting.size >= HOOK_WAITING_MAX || unreadBytes > UNREAD_BYTES_MAX;
    return isBusy ? 'busy' : undefined;
  }

  #wait(id: string, record: RecordView): Promise<HookVerdict> {
    return new Promise((decide) => {
      this.#waiting.set(id, { record, askedMs: performance.now(), decide });
    });
  }

  #heard(line: string): void {
    this.#silentSinceMs = undefined;
    const answer = readHookAnswer(line);
    const waiting = answer && this.#waiting.get(answer.id);
    if (answer === undefined || waiting === undefined) return this.#heardUseless(line);
    this.#waiting.delete(answer.id);
    if (answer.verdict === undefined) {
      this.#say('the policy hook gives answers that make no sense', line);
      waiting.decide(this.#fall('malformed', waiting.askedMs));
      return;
    }
    this.#useless = 0;
    const name = typeof answer.verdict === 'number' ? 'reject' : answer.verdict;
    this.#tell(name, waiting.askedMs);
    const { log } = this.#options;
    if (answer.message !== '') {
      log.debug(`the policy hook decided: ${name}`, {
        record: hexEncode(waiting.record.id),
        why: answer.message,
      });
    }
    waiting.decide(answer.verdict);
  }

  #heardUseless(line: string): void {
    this.#options.events?.useless?.();
    this.#say('the policy hook says what answers no question, or answers too late', line);
    this.#useless += 1;
    if (this.#useless < USELESS_MAX) return;
    this.#useless = 0;
    this.#process.restart(`it wrote ${USELESS_MAX} lines that answer nothing`);
  }

  #late(ids: readonly string[]): void {
    const { timeoutMs } = this.#options;
    if (!ids.some((id) => this.#waiting.has(id))) return;
    this.#forsake('late', ids);
    const nowMs = performance.now();
    this.#silentSinceMs ??= nowMs - timeoutMs;
    const silentMs = nowMs - this.#silentSinceMs;
    if (silentMs < SILENT_TIMES * timeoutMs) return;
    this.#silentSinceMs = undefined;
    this.#process.restart(`it has answered nothing for ${Math.round(silentMs)} ms`);
  }

  #forsake(reason: 'late' | 'gone', ids: readonly string[]): void {
    for (const id of ids) {
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) continue;
      this.#waiting.delete(id);
      waiting.decide(this.#fall(reason, waiting.askedMs));
    }
  }

  #fall(reason: HookAnswerName, askedMs: number): HookVerdict {
    this.#tell(reason, askedMs);
    return FALLBACK[this.#options.fallback];
  }

  #tell(by: HookAnswerName, askedMs: number): void {
    this.#options.events?.answered?.(by, (performance.now() - askedMs) / 1000);
  }

  /** Says something once in a while. */
  #say(what: string, line: string): void {
    const nowMs = performance.now();
    if (nowMs - (this.#saidMs.get(what) ?? -REPEAT_MS) < REPEAT_MS) return;
    this.#saidMs.set(what, nowMs);
    this.#options.log.warn(what, { line: line.slice(0, 200) });
  }
}
