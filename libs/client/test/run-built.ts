/**
 * Builds this package and runs its command as a user would, in a process of its own. For tests.
 */
import { execFile, spawn } from 'node:child_process';
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

/** Compiles the package and what it needs. */
export async function buildCommand(): Promise<void> {
  const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
  await promisify(execFile)(process.execPath, [tsc, '-b', 'libs/client'], { cwd: ROOT });
}

/**
 * Runs `mosaic` to its end.
 *
 * @param options `input`: all of standard input; `cwd`: where; `env`: all of the environment
 */
export function runBuilt(
  args: readonly string[],
  options: {
    readonly input?: string | Uint8Array;
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
  } = {},
): Promise<RunResult> {
  const { input = '', cwd = ROOT, env = {} } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], { cwd, env, timeout: RUN_TIMEOUT_MS });
    const out: Uint8Array[] = [];
    const err: Uint8Array[] = [];
    child.stdout.on('data', (chunk: Uint8Array) => out.push(chunk));
    child.stderr.on('data', (chunk: Uint8Array) => err.push(chunk));
    // A command that ends without reading its input breaks the pipe: the result tells enough.
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (code) => {
      const stdout = Buffer.concat(out).toString();
      resolve({ code, stdout, stderr: Buffer.concat(err).toString() });
    });
    child.stdin.end(input);
  });
}
