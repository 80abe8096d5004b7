/** Runs an installer or asks a server for its version, and says what went wrong in its words. */
import { spawn } from 'node:child_process';
import { environmentWith } from './config.ts';

/** Output that is kept, for error messages. */
const OUTPUT_CHARS_MAX = 20_000;

/** How a tool is run. */
export interface ToolOptions {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/**
 * Runs a tool to its end.
 *
 * @returns what it wrote, both streams together
 * @throws Error with the end of its output where it fails, is missing or takes too long
 */
export function runTool(
  command: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.folder,
      env: environmentWith(options.environment ?? {}),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
    });
    let output = '';
    const take = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-OUTPUT_CHARS_MAX);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(
          new Error(`${[command, ...args].join(' ')} ended with ${signal ?? code}: ${output}`),
        );
    });
  });
}
