/** Says how far a long run is: a bar in place at a terminal, a line now and then elsewhere. */
import type { Host, StatusLine } from '@mosaic-cluster/client/command';

/** How far it is. */
export interface Progress {
  /** What is being done, such as `outbox: reading segments`. */
  readonly what: string;
  /** Of `total`, in any unit. */
  readonly done: number;
  readonly total: number;
  /** So far in this step of this run. */
  readonly records: number;
  /** Anything else worth a glance. */
  readonly note?: string | undefined;
}

const TERMINAL_MS = 250;
const LOG_MS = 5_000;
const BAR_CHARACTERS = 24;

/** Shows progress; asks for it no oftener than it is shown. */
export class ProgressReporter {
  readonly #host: Host;
  readonly #status: StatusLine;
  readonly #paceMs: number;
  #what = '';
  #stepStartMs = 0;
  #stepStartDone = 0;
  #stepStartRecords = 0;
  #shownMs: number;

  constructor(host: Host, status: StatusLine) {
    this.#host = host;
    this.#status = status;
    this.#paceMs = host.isErrorTerminal ? TERMINAL_MS : LOG_MS;
    this.#shownMs = host.now();
  }

  /** Takes note of where things are. */
  report(progress: Progress): void {
    const now = this.#host.now();
    if (progress.what !== this.#what) {
      this.#what = progress.what;
      this.#stepStartMs = now;
      this.#stepStartDone = progress.done;
      this.#stepStartRecords = progress.records;
    }
    if (now - this.#shownMs < this.#paceMs) return;
    this.#shownMs = now;
    this.#status.show(this.#text(progress, now));
  }

  /** Takes the bar away. */
  clear(): void {
    this.#status.clear();
  }

  #text({ what, done, total, records, note }: Progress, now: number): string {
    const seconds = Math.max((now - this.#stepStartMs) / 1000, 0.001);
    const share = total === 0 ? 1 : Math.min(done / total, 1);
    const perSecond = (records - this.#stepStartRecords) / seconds;
    const rate = `${records.toLocaleString('en-US')} records, ${whole(perSecond)}/s`;
    const pace = (done - this.#stepStartDone) / seconds;
    const left = pace > 0 ? `, ${duration(Math.max(total - done, 0) / pace)} left` : '';
    const rest = note === undefined ? '' : `, ${note}`;
    const percent = `${Math.floor(share * 100)} %`;
    if (!this.#host.isErrorTerminal) return `${what}: ${percent}, ${rate}${left}${rest}`;
    const filled = Math.floor(share * BAR_CHARACTERS);
    const bar = '█'.repeat(filled) + '░'.repeat(BAR_CHARACTERS - filled);
    return `${what} ${bar} ${percent}, ${rate}${left}${rest}`;
  }
}

function whole(number: number): string {
  return Math.round(number).toLocaleString('en-US');
}

/** `12 s`, `3 min`, `2.5 h`. */
export function duration(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  if (seconds < 6000) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** `1.4 GiB`: to be read, not to be parsed. */
export function size(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
