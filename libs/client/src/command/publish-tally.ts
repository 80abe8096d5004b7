/**
 * What became of the records of one `mosaic publish`: counted, told, and turned into an exit code.
 */
import {
  encodeReference,
  hexEncode,
  type MosaicError,
  type Reference,
  resultName,
} from '@mosaic-cluster/protocol';
import type { PublishOutcome } from '../publish.ts';
import { isResultError } from '../result-error.ts';
import { count } from './display-text.ts';
import { EXIT, type ExitCode, exitCodeOf } from './exit-code.ts';
import type { Host } from './host.ts';
import type { ByteSink } from './host-streams.ts';
import { jsonLine } from './record-lines.ts';
import type { StatusLine } from './status-line.ts';
import { AUTHENTICATION_ADVICE } from './with-client.ts';

/** Failures that are told one by one without `--json`. */
const TOLD_MAX = 10;

/** From good to bad: of several outcomes the last in this list decides on the exit code. */
const BY_WEIGHT: readonly ExitCode[] = [
  EXIT.ok,
  EXIT.invalid,
  EXIT.usage,
  EXIT.refused,
  EXIT.protocol,
  EXIT.untrusted,
  EXIT.unreachable,
  EXIT.broken,
  EXIT.interrupted,
];

/** A record that was handed in. */
export interface Pending {
  /** Where it came from, for messages. */
  readonly where: string;
  readonly id: Reference;
  /** Its bytes. */
  readonly length: number;
}

/** How the tally is told. */
export interface TallyOptions {
  readonly json: boolean;
  /** One record made on the spot, which needs no summary. */
  readonly isSingle: boolean;
}

/** Counts and tells. */
export class PublishTally {
  readonly #host: Host;
  readonly #status: StatusLine;
  readonly #options: TallyOptions;
  readonly #sink: ByteSink;
  readonly #startedAt: number;
  /** Records by the name of what became of them. */
  readonly #results = new Map<string, number>();
  #published = 0;
  #bytes = 0;
  #failed = 0;
  #exitCode: ExitCode = EXIT.ok;

  constructor(host: Host, status: StatusLine, options: TallyOptions) {
    this.#host = host;
    this.#status = status;
    this.#options = options;
    this.#sink = host.openOutput('publish', undefined);
    this.#startedAt = host.now();
  }

  /** What the run is to end with. */
  get exitCode(): ExitCode {
    return this.#exitCode;
  }

  /** One line on how far it is. */
  get progress(): string {
    const failed = this.#failed === 0 ? '' : `, ${count(this.#failed, 'failure')}`;
    const seconds = Math.max(this.#seconds, 0.001);
    const perSecond = Math.round(this.#published / seconds).toLocaleString('en-US');
    const kilobytes = Math.round(this.#bytes / 1000 / seconds).toLocaleString('en-US');
    const pace = `${perSecond}/s, ${kilobytes} kB/s, ${seconds.toFixed(1)} s`;
    return `${count(this.#published, 'record')} published${failed}, ${pace}`;
  }

  get #seconds(): number {
    return (this.#host.now() - this.#startedAt) / 1000;
  }

  /** Takes the outcome of a record that was handed in. */
  async outcome(outcome: PublishOutcome, pending: Pending): Promise<void> {
    const { result, error, index } = outcome;
    const code = result?.result ?? (isResultError(error) ? error.result : undefined);
    const name = code === undefined ? 'no answer' : (resultName(code) ?? `result ${code}`);
    this.#add(name, 1);
    const reference = encodeReference(pending.id);
    if (result !== undefined) {
      this.#published += 1;
      this.#bytes += pending.length;
    }
    if (this.#options.json) {
      await this.#sink.write(
        jsonLine({
          type: 'result',
          index,
          source: pending.where,
          id: hexEncode(pending.id),
          reference,
          published: error === undefined,
          result: code === undefined ? null : { code, name: resultName(code) ?? null },
          attempts: result?.attempts ?? null,
          error: errorJson(error),
        }),
      );
    } else if (this.#options.isSingle && error === undefined) {
      await this.#sink.write(`${name}  ${reference}\n`);
    }
    if (error !== undefined) this.#fail(error, this.#failureText(error, pending));
  }

  /** Takes something that was no record, or the error that ended the input. */
  async unreadable(error: MosaicError): Promise<void> {
    this.#add('unreadable', 1);
    if (this.#options.json) {
      await this.#sink.write(
        jsonLine({ type: 'unreadable', published: false, error: errorJson(error) }),
      );
    }
    this.#fail(error, error.message);
  }

  /** The last word. @param unanswered records that were sent and not answered */
  async summary(unanswered: number, isInterrupted: boolean): Promise<void> {
    if (unanswered > 0) this.#add('no answer', unanswered);
    if (isInterrupted) this.#exitCode = EXIT.interrupted;
    const { json, isSingle } = this.#options;
    const results = [...this.#results].sort(([, a], [, b]) => b - a);
    if (json) {
      await this.#sink.write(
        jsonLine({
          type: 'summary',
          published: this.#published,
          failed: this.#failed,
          results: Object.fromEntries(results),
          seconds: this.#seconds,
          interrupted: isInterrupted,
        }),
      );
      return;
    }
    if (this.#failed > TOLD_MAX) {
      this.#status.warn(`… ${count(this.#failed - TOLD_MAX, 'more failure')}; --json lists all`);
    }
    if (isInterrupted) this.#status.warn('interrupted');
    if (isSingle) return;
    const lines = results.map(([name, number]) => {
      return `  ${number.toLocaleString('en-US').padStart(9)}  ${name}`;
    });
    await this.#sink.write(`${[this.progress, ...lines].join('\n')}\n`);
  }

  #failureText(error: MosaicError, pending: Pending): string {
    const advice = error.code === 'requires-authentication' ? `\n${AUTHENTICATION_ADVICE}` : '';
    if (this.#options.isSingle) return error.message + advice;
    const message = error.message.replace(/^the record: /, '');
    return `${pending.where}: ${message}\n  ${encodeReference(pending.id)}${advice}`;
  }

  #add(name: string, records: number): void {
    this.#results.set(name, (this.#results.get(name) ?? 0) + records);
  }

  #fail(error: MosaicError, text: string): void {
    const code = exitCodeOf(error);
    if (BY_WEIGHT.indexOf(code) > BY_WEIGHT.indexOf(this.#exitCode)) this.#exitCode = code;
    this.#failed += 1;
    if (this.#options.json || this.#failed > TOLD_MAX) return;
    this.#status.warn(`${this.#host.errorPaint.red('error:')} ${text}`);
  }
}

function errorJson(error: MosaicError | undefined): { code: string; message: string } | null {
  return error === undefined ? null : { code: error.code, message: error.message };
}
