/** Runs the command in this process, which takes milliseconds instead of a second. For tests. */
import { processHost } from '@mosaic-cluster/client/command';
import { run } from '../src/program.ts';
import type { RunResult } from './run-admin.ts';

/** Does something with settings in the environment, beside which no others are there. */
export async function withSettings<Result>(
  env: NodeJS.ProcessEnv,
  work: () => Promise<Result>,
): Promise<Result> {
  const before = { ...process.env };
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('MOSAIC_') || name === 'SUDO_USER') delete process.env[name];
  }
  Object.assign(process.env, env);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(env)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

/**
 * Runs the command.
 *
 * @param env its settings
 * @param input what comes on standard input
 */
export async function runHere(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input = '',
): Promise<RunResult> {
  const said = { stdout: '', stderr: '' };
  const code = await withSettings(env, () =>
    run(args, {
      ...processHost(),
      write: (data) => {
        said.stdout += Buffer.from(data).toString();
      },
      warn: (text) => {
        said.stderr += text;
      },
      readInput: async () => new TextEncoder().encode(input),
    }),
  );
  return { code, ...said };
}
