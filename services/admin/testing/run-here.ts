/** Runs the command in this process, which takes milliseconds instead of a second. For tests. */
import { processHost } from '@mosaic-cluster/client/command';
import { run } from '../src/program.ts';
import type { RunResult } from './run-admin.ts';

/**
 * Runs the command.
 *
 * @param env settings, beside which no others are there
 * @param input what comes on standard input
 */
export async function runHere(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input = '',
): Promise<RunResult> {
  const before = { ...process.env };
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('MOSAIC_') || name === 'SUDO_USER') delete process.env[name];
  }
  Object.assign(process.env, env);
  const said = { stdout: '', stderr: '' };
  const host = {
    ...processHost(),
    write: (data: string | Uint8Array) => {
      said.stdout += Buffer.from(data).toString();
    },
    warn: (text: string) => {
      said.stderr += text;
    },
    readInput: async () => new TextEncoder().encode(input),
  };
  try {
    return { code: await run(args, host), ...said };
  } finally {
    for (const name of Object.keys(env)) delete process.env[name];
    Object.assign(process.env, before);
  }
}
