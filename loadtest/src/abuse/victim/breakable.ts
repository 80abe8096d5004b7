/** What can break on the server's side of a trial: the Redis of the budgets, the operator's program. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';

/** Something that works until it is told to break. */
export interface Breakable {
  /** Settings that have the server use it. */
  readonly settings: Readonly<Record<string, string>>;
  breakDown(): Promise<void>;
  /** As before, so that the server can end in peace. */
  mend(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A Redis of the gateways' own: the one of the workers holds their indexes, and without it nobody
 * could tell what the limits do.
 */
export class BreakableRedis implements Breakable {
  readonly settings: Readonly<Record<string, string>>;
  readonly #redis: RedisServer;
  readonly #how: 'redis-stopped' | 'redis-frozen';

  private constructor(redis: RedisServer, how: 'redis-stopped' | 'redis-frozen') {
    this.#redis = redis;
    this.#how = how;
    this.settings = { MOSAIC_REDIS_MODE: 'single', MOSAIC_REDIS_URLS: redis.url };
  }

  /** Starts one. */
  static async start(how: 'redis-stopped' | 'redis-frozen'): Promise<BreakableRedis> {
    return new BreakableRedis(await startRedis(), how);
  }

  async breakDown(): Promise<void> {
    if (this.#how === 'redis-frozen') this.#redis.pause();
    else await this.#redis.kill();
  }

  async mend(): Promise<void> {
    if (this.#how === 'redis-frozen') this.#redis.resume();
    else await this.#redis.restart();
  }

  close(): Promise<void> {
    return this.#redis.stop();
  }
}

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
export class HangingHook implements Breakable {
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

  async breakDown(): Promise<void> {
    writeFileSync(this.#flag, '');
  }

  async mend(): Promise<void> {
    rmSync(this.#flag, { force: true });
  }

  async close(): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
