/** What changes in a registry on Redis, told to one process of those that want to know. */
import { controlKeyOf, controlTimeMs, type ControlObjects } from './control-objects.ts';
import { changeOf, versionMs } from './fact-block.ts';
import type { FactChange } from './registry.ts';
import type { RegistryTables } from './registry-redis-tables.ts';

/** Whom to tell, and from where. */
export interface RegistryNewsOptions {
  readonly tables: RegistryTables;
  readonly objects: ControlObjects;
  /** Of each group one process is told. */
  readonly group: string;
  readonly onNews: (news: readonly FactChange[]) => void;
  readonly now: () => number;
}

/** What is older is no news: a Redis that was emptied no longer knows who was told of what. */
const NEWS_MS = 60_000;

/** Tells of changes. */
export class RegistryNews {
  readonly #options: RegistryNewsOptions;
  #running: Promise<void> | undefined;
  #isAgain = false;

  constructor(options: RegistryNewsOptions) {
    this.#options = options;
  }

  /** Has a look at what changed. @throws MosaicError of Redis or the object store */
  look(): Promise<void> {
    // What changes during a look is for the next one.
    if (this.#running !== undefined) this.#isAgain = true;
    this.#running ??= this.#look().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Waits for a look that is under way. */
  async close(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  async #look(): Promise<void> {
    do {
      this.#isAgain = false;
      await this.#tell();
    } while (this.#isAgain);
  }

  async #tell(): Promise<void> {
    const { tables, objects, group, onNews, now } = this.#options;
    const nowMs = now();
    const sinceMs = nowMs - NEWS_MS;
    const { scores } = await tables.seen();
    const young = [...scores.keys()].filter((key) => (controlTimeMs(key) ?? 0) >= sinceMs);
    const claimed = await tables.claim(young, nowMs, group);
    if (claimed.length === 0) return;
    const block = await objects.read(claimed);
    /** By the object that they were first written in: it may have been joined with others since. */
    const changes = new Map<string, FactChange[]>();
    for (let i = 0; i < block.count; i++) {
      const fact = block.at(i);
      if (versionMs(fact.version) < sinceMs) continue;
      const key = controlKeyOf(fact.version);
      const together = changes.get(key) ?? [];
      together.push(changeOf(fact));
      changes.set(key, together);
    }
    const own = new Set(claimed);
    const others = [...changes.keys()].filter((key) => !own.has(key));
    for (const key of await tables.claim(others, nowMs, group)) own.add(key);
    const news = [...changes].flatMap(([key, together]) => (own.has(key) ? together : []));
    if (news.length > 0) onNews(news);
  }
}
