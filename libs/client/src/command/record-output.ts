/**
 * Where records that a server sent go, and in which form.
 */
import type { RecordView } from '@mosaic-cluster/protocol';
import type { Command } from 'commander';
import { usageError } from './exit-code.ts';
import type { Host } from './host.ts';
import type { ByteSink } from './host-streams.ts';
import { jsonLine, recordJson, recordText } from './record-lines.ts';
import type { Json } from './report.ts';

/** The options that {@link addRecordOutputOptions} adds; `json` comes from elsewhere. */
export interface RecordOutputOptions {
  readonly json?: true;
  readonly raw?: true;
  readonly out?: string;
  /** False: signatures are taken for valid. */
  readonly verify?: boolean;
}

/** How output is chosen, for help texts. */
export const RECORD_OUTPUT_HELP = `
Records are printed for people, with --json as lines of JSON with the names of "mosaic inspect
--json", with --raw as their bytes, one after the other: what "mosaic publish" takes. --out FILE
implies --raw unless --json is given; a file that exists is never overwritten.`;

/** Adds the options. */
export function addRecordOutputOptions(command: Command): Command {
  return command
    .option('--raw', "write the records' bytes")
    .option('--out <file>', 'write to FILE instead of standard output')
    .option('--no-verify', "do not check the records' signatures, which takes most of the time");
}

/** Takes records one by one. */
export class RecordOutput {
  readonly #host: Host;
  readonly #sink: ByteSink;
  readonly #form: 'text' | 'json' | 'raw';
  /** Records written. */
  count = 0;

  /** @throws MosaicError with code `usage` for options that do not go together */
  constructor(host: Host, options: RecordOutputOptions) {
    const { json, raw } = options;
    if (json === true && raw === true) {
      throw usageError('--raw', 'excludes --json', 'Leave one of the two out.');
    }
    const path = options.out === '-' ? undefined : options.out;
    const isRaw = raw === true || (json !== true && options.out !== undefined);
    if (isRaw && path === undefined && host.isTerminal) {
      throw usageError('--raw', 'bytes would garble the terminal', 'Pipe them, or add --out FILE.');
    }
    this.#host = host;
    this.#form = isRaw ? 'raw' : json === true ? 'json' : 'text';
    this.#sink = host.openOutput('--out', path);
  }

  /** Writes a record; resolves when there is room for another. */
  async record(record: RecordView): Promise<void> {
    this.count += 1;
    await this.#sink.write(this.#render(record));
  }

  /** Writes what is no record: text for people, JSON for programs, nothing among bytes. */
  async remark(text: string | undefined, json: Readonly<Record<string, Json>>): Promise<void> {
    if (this.#form === 'json') await this.#sink.write(jsonLine(json));
    else if (this.#form === 'text' && text !== undefined) {
      await this.#sink.write(`${this.#host.paint.dim(text)}\n`);
    }
  }

  /** Says that everything has come: a file is there even if that was nothing. */
  async end(): Promise<void> {
    await this.#sink.write('');
  }

  close(): void {
    this.#sink.close();
  }

  #render(record: RecordView): string | Uint8Array {
    if (this.#form === 'raw') return record.bytes;
    return this.#form === 'json' ? recordJson(record) : recordText(record, this.#host.paint);
  }
}
