/** What a server has said so far about one query id. */
import type { RecordView } from '@mosaic-cluster/protocol';

/** One Get, Query or Subscribe and everything that came for it. */
export class Exchange {
  readonly queryId: number;
  /** In the order in which they came. */
  readonly records: RecordView[] = [];
  /** Records that came before Locally Complete; undefined: it did not come yet. */
  storedCount: number | undefined;
  /** Of Query Closed; undefined: it did not come yet. */
  result: number | undefined;
  /** The query id was used again: nothing may come for this one any more. */
  isReplaced = false;

  constructor(queryId: number) {
    this.queryId = queryId;
  }

  /** Records before Locally Complete. */
  get stored(): readonly RecordView[] {
    return this.records.slice(0, this.storedCount);
  }

  /** Records after Locally Complete. */
  get live(): readonly RecordView[] {
    return this.storedCount === undefined ? [] : this.records.slice(this.storedCount);
  }
}

/** A Get or Query that is closed. */
export interface Answer {
  readonly records: readonly RecordView[];
  readonly result: number;
}
