/**
 * What a long run says on standard error: notices, and at a terminal a last line that is replaced.
 */
import type { Host } from './host.ts';

/** Erases the line that the cursor is on. */
const ERASE = '\r\u001B[K';

/** Notices and a status line that do not get into each other's way. */
export class StatusLine {
  readonly #host: Host;
  readonly #isQuiet: boolean;
  #isShown = false;

  /** @param isQuiet nothing but {@link warn} gets through */
  constructor(host: Host, isQuiet: boolean) {
    this.#host = host;
    this.#isQuiet = isQuiet;
  }

  /** Says something worth knowing. */
  note(text: string): void {
    if (!this.#isQuiet) this.warn(`${this.#host.errorPaint.yellow('note:')} ${text}`);
  }

  /** Says something that must be known. */
  warn(text: string): void {
    this.clear();
    this.#host.warn(`${text}\n`);
  }

  /** Shows how far things are: in place at a terminal, as a line elsewhere. */
  show(text: string): void {
    if (this.#isQuiet) return;
    this.#isShown = this.#host.isErrorTerminal;
    this.#host.warn(this.#isShown ? ERASE + text : `${text}\n`);
  }

  /** Takes the status away. */
  clear(): void {
    if (this.#isShown) this.#host.warn(ERASE);
    this.#isShown = false;
  }
}
