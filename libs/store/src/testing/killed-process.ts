/** A process that works and prints a line for whatever it has acknowledged, until a test kills it. */
import { spawn } from 'node:child_process';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Beside the packages that it loads. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));

/** Code that is run again and again, and killed each time. */
export class KilledProcess {
  readonly #folder: string;
  readonly #script: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#script = join(folder, 'child.mjs');
  }

  /** Bundles it here, so that what is killed is the code as it stands and not an older build. */
  static async of(source: URL): Promise<KilledProcess> {
    await mkdir(CACHE, { recursive: true });
    const made = new KilledProcess(await mkdtemp(join(CACHE, 'killed-')));
    await build({
      entryPoints: [fileURLToPath(source)],
      outfile: made.#script,
      bundle: true,
      platform: 'node',
      format: 'esm',
      conditions: ['source'],
      external: ['@aws-sdk/*'],
      logLevel: 'silent',
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
    });
    return made;
  }

  /**
   * Runs it and kills it in the midst of its work.
   *
   * @param count of lines after which it is killed
   * @returns the lines that it printed, more perhaps
   */
  lines(args: readonly string[], count: number): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const running = spawn(process.execPath, [this.#script, ...args]);
      let output = '';
      let complaints = '';
      running.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.split('\n').length > count) running.kill('SIGKILL');
      });
      running.stderr.setEncoding('utf8').on('data', (text: string) => {
        complaints += text;
      });
      running.on('error', reject).on('close', (_, signal) => {
        if (signal !== 'SIGKILL') reject(new Error(`it ended by itself: ${complaints}`));
        // The last line may be cut off.
        else resolve(output.split('\n').slice(0, -1));
      });
    });
  }

  /** Removes the bundle. */
  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The seeds that lines `first count` tell of. */
export function seedsOf(lines: readonly string[]): number[] {
  return lines.flatMap((line) => {
    const [first = 0, count = 0] = line.split(' ').map(Number);
    return Array.from({ length: count }, (_, i) => first + i);
  });
}
