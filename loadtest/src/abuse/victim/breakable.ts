/** What can break on the server's side of a trial: its Redis, the operator's program. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Accepts everything, and answers nothing while the file is there that its argument names. */
const HOOK = `
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
for await (const line of createInterface({ input: process.stdin })) {
  if (existsSync(process.argv[2])) continue;
  process.stdout.write(JSON.stringify({ id: JSON.parse(line).id, action: 'accept' }) + '\\n');
}
`;

/** A policy hook that stops answering. */
export class HangingHook {
  /** Settings that have the server use it. */
  readonly settings: Readonly<Record<string, string>>;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    const script = join(folder, 'hook.mjs');
    writeFileSync(script, HOOK);
    this.settings = { MOSAIC_POLICY_HOOK: `${process.execPath} ${script} ${this.#flag}` };
  }

  /** Writes one. @param parentFolder without blanks in its path */
  static make(parentFolder: string): HangingHook {
    return new HangingHook(mkdtempSync(join(parentFolder, 'hook-')));
  }

  get #flag(): string {
    return join(this.#folder, 'hangs');
  }

  /** From now on it answers nothing. */
  breakDown(): void {
    writeFileSync(this.#flag, '');
  }

  /** As before, so that the server can end in peace. */
  mend(): void {
    rmSync(this.#flag, { force: true });
  }

  /** Removes it. */
  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * Freezes or kills Redis servers. Whoever runs the cluster starts those anew that were killed; those
 * that were frozen go on when they are mended.
 */
export function breakRedis(how: 'redis-stopped' | 'redis-frozen', pids: readonly number[]): void {
  for (const pid of pids) process.kill(pid, how === 'redis-frozen' ? 'SIGSTOP' : 'SIGKILL');
}

/** Has frozen servers go on. */
export function mendRedis(how: 'redis-stopped' | 'redis-frozen', pids: readonly number[]): void {
  if (how === 'redis-stopped') return;
  for (const pid of pids) process.kill(pid, 'SIGCONT');
}
