/** Has segment files written again in the background, where the settings say so. */
import type { RoleName } from '@mosaic-cluster/bus';
import { type KeyDirectory, SegmentRewriter } from '@mosaic-cluster/role';
import type { FileSegmentLog, RecordIndex } from '@mosaic-cluster/store';
import type { OpenRolesDeps } from './open-roles.ts';
import { hasIndexToCome } from './rebuilt-index.ts';

/** A role whose segments are looked after. */
export interface RewrittenRole {
  readonly role: RoleName;
  readonly log: FileSegmentLog;
  readonly index: RecordIndex;
  readonly directory: KeyDirectory;
}

/** Above this part of the time spent working, there is much else to do. */
const BUSY = 0.5;

const HELD =
  'nothing is taken out of segments until the index that is made anew was taken over by a start';

/** Looks after a role's segments until the lifecycle ends. */
export function rewriteSegments(
  { role, ...kept }: RewrittenRole,
  { config, folder, registry, lifecycle, rewrites }: OpenRolesDeps,
): void {
  if (config.compact === 'off') return;
  const counted = rewrites(role);
  let isTold = false;
  const rewriter = new SegmentRewriter({
    ...kept,
    role,
    removed: registry.removedOf(role),
    store: registry.store,
    graceMs: config.compactGrace,
    isBusy: busyMeter(),
    isHeld: async () => {
      const isHeld = await hasIndexToCome(folder.path);
      if (isHeld && !isTold) lifecycle.log.info(`${role}: ${HELD}`);
      isTold = isHeld;
      return isHeld;
    },
    onRewritten: (done) => {
      counted.rewritten(done);
      const { removed, replaced } = done.leftOut;
      const what = `without ${removed} removed and ${replaced} replaced records`;
      lifecycle.log.info(`${role}: a segment was written again ${what}`);
    },
    onError: (error) => {
      counted.failed();
      lifecycle.log.error(`${role}: a segment could not be written again`, { error });
    },
  });
  rewriter.start();
  lifecycle.add(`rewriting segments of ${role}`, rewriter);
}

/** Says whether the process was busy since it was last asked. */
function busyMeter(): () => boolean {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization > BUSY;
  };
}
