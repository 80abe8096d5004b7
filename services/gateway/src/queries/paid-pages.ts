/** Pages of queries that somebody pays for: after each came, and a debt stops the next. */
import type { Visitor } from '@mosaic-cluster/abuse';
import type { Page } from '@mosaic-cluster/bus';
import { MosaicError } from '@mosaic-cluster/protocol';
import type { PageSource } from './query-stream.ts';

type Payer = Pick<Visitor, 'mayQuery' | 'queried'>;

/** What {@link paidBy} and {@link paidLater} fail with. */
export const OVER_BUDGET = 'over-budget';

/** The sources, at a visitor's expense; one that is out of budget fails as `limited` (`over-budget`). */
export function paidBy(visitor: Payer, sources: readonly PageSource[]): PageSource[] {
  return sources.map(
    (source): PageSource =>
      async (cursor, budget) => {
        // The first page too: others may have spent everything while the query waited for its turn.
        if (!visitor.mayQuery()) {
          throw new MosaicError('limited', OVER_BUDGET, 'the budget for queries is used up');
        }
        const page = await source(cursor, budget);
        visitor.queried(page.scanned ?? page.records.length, bytesOf(page));
        return page;
      },
  );
}

/** As {@link paidBy}, for what the visitor did not ask for at this moment: to be out of budget is no offence. */
export function paidLater(
  visitor: Pick<Visitor, 'owesForQueries' | 'queried'>,
  sources: readonly PageSource[],
): PageSource[] {
  const mayQuery = (): boolean => !visitor.owesForQueries();
  const queried: Payer['queried'] = (scanned, bytes) => visitor.queried(scanned, bytes);
  return paidBy({ mayQuery, queried }, sources);
}

function bytesOf({ records }: Page): number {
  let bytes = 0;
  for (const { record } of records) bytes += record.bytes.length;
  return bytes;
}
