/** A table of budgets, as commands show it. */
import {
  BUDGETS,
  type BudgetTable,
  HOLDINGS,
  type Standing,
  type SubjectKind,
  type Usage,
} from '@mosaic-cluster/abuse';

/** The size of a budget, or of how much may be open. */
export type Limit = Pick<Usage, 'what' | 'limit' | 'ratePerSecond'>;

/** Everything that a kind of subject may in a standing. */
export function limitsOf(table: BudgetTable, kind: SubjectKind, standing: Standing): Limit[] {
  const budgets = BUDGETS.map((what): Limit => {
    const { burst, ratePerSecond } = table.budgets[what][kind][standing];
    return { what, limit: burst, ratePerSecond };
  });
  const holdings = HOLDINGS.map((what): Limit => {
    return { what, limit: table.holdings[what][kind][standing], ratePerSecond: undefined };
  });
  return [...budgets, ...holdings];
}
