/**
 * What a process has opened, so that it can be closed again in the reverse order, each thing
 * with a deadline: one that hangs must not keep the others from flushing what they hold.
 */
import { withDeadline } from './deadline.ts';
import type { Logger } from './logger.ts';
import { RuntimeError } from './runtime-error.ts';

/** Anything that holds something and lets go of it on `close()`; a promise is waited for. */
export interface Closeable {
  close(): unknown;
}

/** How long closing may take. */
export interface LifecycleOptions {
  readonly log: Logger;
  /** For each thing that says nothing else; 10 seconds when absent. */
  readonly closeTimeoutMs?: number;
  /** For all things together; 25 seconds when absent, inside Kubernetes' usual 30. */
  readonly closeAllTimeoutMs?: number;
}

/** Why a process stops, and the exit code that this alone would give. */
export interface StopReason {
  readonly exitCode: number;
  /** Continues "stopping because …". */
  readonly because: string;
}

interface Entry {
  readonly name: string;
  readonly resource: Closeable;
  readonly timeoutMs: number;
}

const CLOSE_TIMEOUT_MS = 10_000;
const CLOSE_ALL_TIMEOUT_MS = 25_000;
// What each of the rest still gets when earlier ones have used up the time for all.
const LAST_CHANCE_MS = 100;

/** A process's open resources and its way to an end. */
export class Lifecycle {
  readonly #closeTimeoutMs: number;
  readonly #entries: Entry[] = [];
  readonly #controller = new AbortController();
  #stopReason: StopReason | undefined;
  #resolveStopped: (reason: StopReason) => void = () => undefined;
  #closing: Promise<boolean> | undefined;
  #closeBy = Infinity;

  /** The logger in use; replace it once the configuration says how to log. */
  log: Logger;
  /** How long closing may take in all; set it once the configuration is read. */
  closeAllTimeoutMs: number;
  /** Resolves when somebody calls {@link stop}. */
  readonly stopped: Promise<StopReason>;

  constructor(options: LifecycleOptions) {
    this.log = options.log;
    this.#closeTimeoutMs = options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS;
    this.closeAllTimeoutMs = options.closeAllTimeoutMs ?? CLOSE_ALL_TIMEOUT_MS;
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  /** Aborts when the process begins to stop; pass it to whatever waits while starting. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Keeps `resource` to be closed at the end, and returns it. When the process is stopping
   * already the resource is closed too, and `closed`, code `stopping`, is thrown, so that a
   * start under way does not go on.
   */
  add<T extends Closeable>(name: string, resource: T, timeoutMs?: number): T {
    this.#entries.push({ name, resource, timeoutMs: timeoutMs ?? this.#closeTimeoutMs });
    if (this.#stopReason !== undefined || this.#closing !== undefined) {
      throw new RuntimeError('closed', 'stopping', `${name} came up while the process stops`);
    }
    return resource;
  }

  /** Asks the process to end. Only the first reason counts, but a failure is never forgotten. */
  stop(reason: StopReason): void {
    const earlier = this.#stopReason;
    if (earlier !== undefined) {
      const exitCode = earlier.exitCode === 0 ? reason.exitCode : earlier.exitCode;
      this.#stopReason = { ...earlier, exitCode };
      return;
    }
    this.#stopReason = reason;
    this.#controller.abort(new RuntimeError('closed', 'stopping', reason.because));
    this.#resolveStopped(reason);
  }

  /** The exit code of the reasons given to {@link stop} so far. */
  get exitCode(): number {
    return this.#stopReason?.exitCode ?? 0;
  }

  /**
   * Closes everything, last added first, and resolves with whether all closed in time and
   * without error. Never rejects. Called again it also closes what was added in between.
   */
  close(): Promise<boolean> {
    if (this.#closing === undefined) this.#closeBy = performance.now() + this.closeAllTimeoutMs;
    this.#closing = (this.#closing ?? Promise.resolve(true)).then((wasClean) =>
      this.#closeEntries(wasClean),
    );
    return this.#closing;
  }

  async #closeEntries(wasClean: boolean): Promise<boolean> {
    let isClean = wasClean;
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      const isClosed = await this.#closeEntry(entry);
      isClean &&= isClosed;
    }
    return isClean;
  }

  async #closeEntry({ name, resource, timeoutMs }: Entry): Promise<boolean> {
    const startedAt = performance.now();
    const leftMs = Math.max(LAST_CHANCE_MS, this.#closeBy - startedAt);
    try {
      await withDeadline(
        async () => await resource.close(),
        Math.min(timeoutMs, leftMs),
        `closing ${name}`,
      );
    } catch (error) {
      this.log.error(`${name} did not close`, { error });
      return false;
    }
    this.log.debug(`${name} closed`, { tookMs: Math.round(performance.now() - startedAt) });
    return true;
  }
}
