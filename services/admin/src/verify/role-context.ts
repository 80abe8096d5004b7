/** What all steps of verifying one role work with. */
import type { KeyDirectory, RemovalLookup } from '@mosaic-cluster/role';
import { type SegmentDamage, UNREADABLE } from '@mosaic-cluster/store';
import type { RoleHolding } from '../place/holding.ts';
import type { DamageMap } from './damage-map.ts';
import type { Finding, Findings } from './findings.ts';
import type { RecordChecks } from './record-checks.ts';
import type { RoleState } from './verify-state.ts';

/** A role that is being verified. */
export interface RoleContext {
  readonly holding: RoleHolding;
  readonly state: RoleState;
  readonly damages: DamageMap;
  readonly checks: RecordChecks;
  /** Says whose key was revoked. */
  readonly directory: KeyDirectory;
  readonly removed: RemovalLookup;
  readonly findings: Findings;
  /**
   * Called between batches, when `state` says exactly what was done: shows progress, saves the state.
   *
   * @throws MosaicError `closed` (`interrupted`)
   */
  readonly pause: (done: number, total: number, records: number) => Promise<void>;
}

/** Takes note of something wrong. */
export function tell(context: RoleContext, finding: Omit<Finding, 'role'>): void {
  context.findings.add({ ...finding, role: context.holding.role });
}

/** Takes note of damage in a segment. */
export function tellDamage(context: RoleContext, damage: SegmentDamage): void {
  const { segment, offset, end, what } = damage;
  context.damages.add(damage);
  const isWhole = end === UNREADABLE;
  const reach = isWhole || end === offset ? '' : `; whole commits go on at byte ${end}`;
  const where = isWhole ? 'it cannot be read' : `at byte ${offset}`;
  tell(context, {
    kind: 'segment-damaged',
    what: `${segment} ${where}: ${what}${reach}`,
    segment,
    offset,
  });
}
