/**
 * Merges index entries of several sources into one sequence, newest first, each entry once. Asks
 * every source for little at first and for more as it turns out to be needed.
 */
import { compareBytes } from '@mosaic-cluster/protocol';
import type { IndexEntry, Position, RecordIndex } from '@mosaic-cluster/store';
import type { EntrySource } from './entry-source.ts';
import type { ReadingTurns } from './reading-turns.ts';

interface MergedReading {
  readonly index: Pick<RecordIndex, 'isShared'>;
  readonly turns: ReadingTurns;
}

interface SourceState {
  readonly source: EntrySource;
  entries: readonly IndexEntry[];
  at: number;
  /** Position of the entry at `at`, kept because an entry makes it anew whenever it is asked. */
  position: Position;
  /** Entries to ask for next time. */
  chunk: number;
  isLast: boolean;
}

/**
 * Fewest entries asked of a source: asking again costs more than a few entries too many. Where each
 * entry is looked up for itself, fewer are too many.
 */
const CHUNK_MIN = { own: 8, shared: 4 } as const;
/** Most entries taken from a source at once. */
const CHUNK_MAX = 512;
const NO_POSITION: Position = new Uint8Array(0);
/** Sources asked in one turn. */
const SOURCES_PER_TURN = 128;

/** Merges sources; make one per page. */
export class EntryMerge {
  readonly #heap: SourceState[] = [];
  readonly #states: readonly SourceState[];
  readonly #below: Position | undefined;
  readonly #turns: ReadingTurns;
  #started = false;
  #read = 0;
  #last: Position | undefined;

  /**
   * @param below only entries below this position
   * @param wanted about how many entries will be taken
   * @param reading what the sources read, and how it takes turns with other reading
   */
  constructor(
    sources: readonly EntrySource[],
    below: Position | undefined,
    wanted: number,
    { index, turns }: MergedReading,
  ) {
    const each = Math.ceil((sources.length === 1 ? 1 : 2) * (wanted / Math.max(sources.length, 1)));
    const chunk = Math.min(Math.max(each, CHUNK_MIN[index.isShared ? 'shared' : 'own']), CHUNK_MAX);
    this.#states = sources.map((source) => ({
      source,
      entries: [],
      at: 0,
      position: NO_POSITION,
      chunk,
      isLast: false,
    }));
    this.#below = below;
    this.#turns = turns;
  }

  /** Whether it is known that there are no more entries. */
  get isExhausted(): boolean {
    return this.#started && this.#heap.length === 0;
  }

  /** Index entries read or looked for so far, and one for each time that a source was asked. */
  get read(): number {
    let read = this.#read;
    for (const { source } of this.#states) read += source.looked?.() ?? 0;
    return read;
  }

  /** The next entries, at most `count`; fewer: there are no more. */
  async take(count: number): Promise<IndexEntry[]> {
    if (!this.#started) await this.#start();
    const taken: IndexEntry[] = [];
    while (taken.length < count) {
      const state = this.#heap[0];
      if (state === undefined) break;
      const entry = state.entries[state.at];
      if (entry === undefined) {
        await this.#fill(state, state.position);
      } else {
        const { position } = state;
        const isNew = this.#last === undefined || compareBytes(position, this.#last) !== 0;
        this.#last = position;
        if (isNew) taken.push(entry);
        advance(state);
      }
      this.#restoreRoot();
    }
    return taken;
  }

  async #start(): Promise<void> {
    this.#started = true;
    for (let at = 0; at < this.#states.length; at += SOURCES_PER_TURN) {
      if (at > 0) await this.#turns.next();
      const states = this.#states.slice(at, at + SOURCES_PER_TURN);
      await Promise.all(states.map((state) => this.#fill(state, this.#below)));
    }
    for (const state of this.#states) if (state.entries.length > 0) this.#heap.push(state);
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  async #fill(state: SourceState, below: Position | undefined): Promise<void> {
    state.entries = await state.source.next(below, state.chunk);
    this.#read += 1 + (state.source.looked === undefined ? state.entries.length : 0);
    state.at = 0;
    state.position = state.entries[0]?.position ?? NO_POSITION;
    state.isLast = state.entries.length < state.chunk;
    state.chunk = Math.min(state.chunk * 2, CHUNK_MAX);
  }

  /** A source of which all was taken stays where it is: it is asked when more is wanted. */
  #restoreRoot(): void {
    const root = this.#heap[0]!;
    if (root.at >= root.entries.length) {
      if (!root.isLast) return;
      const last = this.#heap.pop()!;
      if (this.#heap.length > 0) this.#heap[0] = last;
    }
    this.#sink(0);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      let newest = at;
      for (let child = 2 * at + 1; child <= 2 * at + 2 && child < heap.length; child++) {
        if (isNewer(heap[child]!, heap[newest]!)) newest = child;
      }
      if (newest === at) return;
      [heap[at], heap[newest]] = [heap[newest]!, heap[at]!];
      at = newest;
    }
  }
}

/** Moves a source to its next entry. */
function advance(state: SourceState): void {
  state.at += 1;
  const next = state.entries[state.at];
  if (next !== undefined) state.position = next.position;
}

function isNewer(a: SourceState, b: SourceState): boolean {
  return compareBytes(a.position, b.position) > 0;
}
