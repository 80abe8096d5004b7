/**
 * Runs a service or command as the process it is: signals, last-resort error handlers, ordered
 * closing and the exit code in one place, so that a main file only wires parts together.
 */
import { isConfigError } from './config-error.ts';
import { withDeadline } from './deadline.ts';
import { Lifecycle, type LifecycleOptions } from './lifecycle.ts';
import { createLogger } from './log.ts';
import type { Logger } from './logger.ts';

/**
 * The work of a main file: reads the configuration, sets `lifecycle.log`, adds what it opens.
 * When it resolves with a number the process closes and exits with it; when with nothing, the
 * process lives until a signal or `lifecycle.stop`.
 */
export type Main = (lifecycle: Lifecycle) => Promise<number | void>;

/** The parts of `process` that {@link runToExitCode} hooks into, so that a test can own them. */
export interface ProcessEvents {
  on(event: string, listener: (detail: unknown) => void): unknown;
  off(event: string, listener: (detail: unknown) => void): unknown;
}

/** What {@link run} may be told. */
export interface RunOptions extends Partial<LifecycleOptions> {
  /** Ends the process at once, without closing anything. */
  readonly forceExit?: (exitCode: number) => void;
  readonly processEvents?: ProcessEvents;
}

const SIGNAL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['SIGINT', 2],
  ['SIGTERM', 15],
]);
// npm passes a Ctrl-C on that the terminal has sent to the process itself already: signals that
// come so close together are one wish, not an impatient second one.
const SAME_SIGNAL_MS = 400;
const MAIN_GRACE_MS = 2000;
const DONE = 'its work is done';

/** Runs `main` and ends the process with its exit code. Only main files call it. */
export async function run(main: Main, options: RunOptions = {}): Promise<never> {
  // Stays to the end: a signal that comes while the process exits must not change its exit code.
  for (const signal of SIGNAL_NUMBERS.keys()) process.on(signal, () => undefined);
  process.exit(await runToExitCode(main, options));
}

/**
 * Does everything that {@link run} does but end the process, and resolves with the exit code:
 * 0 after a signal or a main that ends well, 1 after an error, an unhandled rejection, or when
 * something would not close. A second signal forces the exit with 128 plus the signal's number.
 */
export async function runToExitCode(main: Main, options: RunOptions = {}): Promise<number> {
  const log = options.log ?? createLogger({ service: 'start', fileDescriptor: 2 });
  const lifecycle = new Lifecycle({ ...options, log });
  const unhook = hook(lifecycle, options);
  // Keeps the process alive even while nothing of it waits for events.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  try {
    const mainEnded = runMain(main, lifecycle);
    const reason = await lifecycle.stopped;
    // A command that has done its work says nothing of itself.
    const level = reason.because === DONE && reason.exitCode === 0 ? 'debug' : 'info';
    lifecycle.log[level](`stopping because ${reason.because}`);
    await lifecycle.close();
    await withDeadline(mainEnded, MAIN_GRACE_MS, 'the start').catch((error: unknown) =>
      lifecycle.log.warn('the start was cut off', { error }),
    );
    const isClean = await lifecycle.close();
    const exitCode = isClean ? lifecycle.exitCode : Math.max(1, lifecycle.exitCode);
    lifecycle.log[exitCode === 0 ? level : 'info']('stopped', { exitCode });
    return exitCode;
  } finally {
    clearInterval(keepAlive);
    unhook();
  }
}

async function runMain(main: Main, lifecycle: Lifecycle): Promise<void> {
  try {
    const exitCode = await main(lifecycle);
    if (exitCode === undefined) return;
    lifecycle.stop({ exitCode, because: DONE });
  } catch (error) {
    if (lifecycle.signal.aborted) {
      // What fails while the process stops does so because of it, and is no failure of its own.
      lifecycle.log.debug('the start ended early', { error });
      return;
    }
    logStartFailure(lifecycle.log, error);
    lifecycle.stop({ exitCode: 1, because: 'it could not start' });
  }
}

// A stack trace tells an operator nothing about a mistyped setting or a port that is taken, and hides
// what does.
function logStartFailure(log: Logger, error: unknown): void {
  if (isConfigError(error)) {
    log.fatal(error.message, { problems: error.problems });
    return;
  }
  const message = `could not start: ${error instanceof Error ? error.message : String(error)}`;
  const code = foreseenCode(error);
  if (code === undefined) log.fatal(message, { error });
  else log.fatal(message, { code });
  log.debug('what stopped the start', { error });
}

/** The code of an error whose sentence says all: one of the project's own, which have a kind. */
function foreseenCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('kind' in error) || !('code' in error)) return undefined;
  return String(error.code);
}

function hook(lifecycle: Lifecycle, options: RunOptions): () => void {
  const events: ProcessEvents = options.processEvents ?? process;
  const forceExit = options.forceExit ?? ((exitCode) => process.exit(exitCode));
  let firstSignalAt: number | undefined;
  const onSignal = (detail: unknown): void => {
    const signal = String(detail);
    if (firstSignalAt === undefined) {
      firstSignalAt = performance.now();
      lifecycle.stop({ exitCode: 0, because: `${signal} came` });
    } else if (performance.now() - firstSignalAt > SAME_SIGNAL_MS) {
      lifecycle.log.fatal(`${signal} came again: not waiting for what is still open`);
      forceExit(128 + (SIGNAL_NUMBERS.get(signal) ?? 0));
    }
  };
  const onError = (what: string) => (error: unknown) => {
    lifecycle.log.fatal(what, { error });
    lifecycle.stop({ exitCode: 1, because: `of an ${what}` });
  };
  const hooks: [string, (detail: unknown) => void][] = [
    ['uncaughtException', onError('uncaught exception')],
    ['unhandledRejection', onError('unhandled rejection')],
  ];
  for (const signal of SIGNAL_NUMBERS.keys()) hooks.push([signal, onSignal]);
  for (const [event, listener] of hooks) events.on(event, listener);
  return () => {
    for (const [event, listener] of hooks) events.off(event, listener);
  };
}
