/**
 * Builds this package and runs its command as a user would, in a process of its own. For tests.
 */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url));
const BIN: string = fileURLToPath(new URL('../bin/mosaic.js', import.meta.url));
const RUN_TIMEOUT_MS = 20_000;

/** What a run left behind. */
export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `mosaic` that runs. */
export interface Running {
  /** What it has printed so far. */
  stdout(): string;
  stderr(): string;
  /** For standard input. */
  write(data: string | Uint8Array): void;
  /** Presses Ctrl-C. */
  interrupt(): void;
  /** Its end. */
  readonly result: Promise<RunResult>;
}

/** Where and with what a command runs. `env` is all of its environment. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds until it is killed. */
  readonly timeout?: number;
}

/** Compiles the package and what it needs. */
export async function buildCommand(): Promise<void> {
  const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
  await promisify(execFile)(process.execPath, [tsc, '-b', 'libs/client'], { cwd: ROOT });
}

/** Runs `mosaic` to its end. @param options `input`: all of standard input */
export function runBuilt(
  args: readonly string[],
  options: RunOptions & { readonly input?: string | Uint8Array } = {},
): Promise<RunResult> {
  const { child, result } = start(args, options);
  child.stdin.end(options.input ?? '');
  return result;
}

/** Starts `mosaic` and leaves it running, its standard input open. */
export function startBuilt(args: readonly string[], options: RunOptions = {}): Running {
  const { child, result, out, err } = start(args, options);
  return {
    stdout: () => Buffer.concat(out).toString(),
    stderr: () => Buffer.concat(err).toString(),
    write: (data) => void child.stdin.write(data),
    interrupt: () => void child.kill('SIGINT'),
    result,
  };
}

interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  readonly result: Promise<RunResult>;
  readonly out: readonly Uint8Array[];
  readonly err: readonly Uint8Array[];
}

function start(args: readonly string[], options: RunOptions): Started {
  const { cwd = ROOT, env = {}, timeout = RUN_TIMEOUT_MS } = options;
  const child = spawn(process.execPath, [BIN, ...args], { cwd, env, timeout });
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  child.stdout.on('data', (chunk: Uint8Array) => out.push(chunk));
  child.stderr.on('data', (chunk: Uint8Array) => err.push(chunk));
  // A command that ends without reading its input breaks the pipe: the result tells enough.
  child.stdin.on('error', () => undefined);
  const result = new Promise<RunResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const stdout = Buffer.concat(out).toString();
      resolve({ code, stdout, stderr: Buffer.concat(err).toString() });
    });
  });
  return { child, result, out, err };
}
