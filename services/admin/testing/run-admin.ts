/** Runs the built command as an operator would, in a process of its own. For tests. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BIN: string = fileURLToPath(new URL('../bin/mosaic-admin.js', import.meta.url));
const RUN_TIMEOUT_MS = 60_000;

/** What a run left behind. */
export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run. */
export interface Running {
  /** Presses Ctrl-C. */
  interrupt(): void;
  readonly result: Promise<RunResult>;
}

/** Starts `mosaic-admin`. @param env all of its environment */
export function startAdmin(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, [BIN, ...args], { env, timeout: RUN_TIMEOUT_MS });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const result = new Promise<RunResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { interrupt: () => void child.kill('SIGINT'), result };
}

/** Runs `mosaic-admin` to its end. */
export function runAdmin(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<RunResult> {
  return startAdmin(args, env).result;
}
