/** `mosaic-admin reindex`: makes the record index anew from the segments. */
import { type Host, usageError } from '@mosaic-cluster/client/command';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type { RebuildProgress } from '@mosaic-cluster/role';
import type { Command } from 'commander';
import { EXIT_HELP } from '../exit-code.ts';
import { openCluster } from '../place/open-cluster.ts';
import {
  addPlaceOptions,
  findPlace,
  openPlace,
  type Place,
  PLACE_HELP,
  type PlaceOptions,
} from '../place/place-options.ts';
import { interruptible } from '../output/interruptible.ts';
import type { ProgressReporter } from '../output/progress.ts';
import { countDangling } from './dangling.ts';
import { estimate } from './estimate.ts';
import { assertReaches, reindexCluster } from './reindex-cluster.ts';
import { LARGE_BATCHES, reindexEmbedded, type ReindexOptions } from './reindex-embedded.ts';
import {
  estimateJson,
  estimateText,
  reindexedJson,
  reindexedText,
  type RoleEstimate,
  type Subject,
} from './reindex-report.ts';
import type { Reindexed } from './reindex-result.ts';

interface ReindexCommandOptions extends PlaceOptions {
  readonly dryRun?: true;
  readonly fresh?: true;
  readonly skipDamaged?: true;
}

const HELP = `
Makes the record index anew from the segments, which hold everything that it has to answer. Signatures
are not checked again; "mosaic-admin verify" does that.

The embedded server's new index is made beside the one that is there, in the folder "reindex" of the
data folder. With the server stopped it then takes the place of the old one, at once and as a whole;
until then a server cannot be started. While the server runs, it goes on with the old index, and takes
the new one over when it is started the next time; what came in meanwhile it adds then by itself. A
server that meets damage in its index, or finds none, makes it anew at its start without being asked.

A cluster's workers go on serving. Entries that lead nowhere are taken out, then what the segments hold
and Redis lacks is added; a lease keeps others from the same work. Workers do the latter by themselves
where Redis has lost something, unless MOSAIC_REINDEX=off.

Ctrl-C ends it at any time; the same command goes on where it was, unless --fresh is given. Damage in
the segments ends it with the name of the file; with --skip-damaged the index lacks what is damaged.
${PLACE_HELP}

Examples:
  mosaic-admin reindex --data ./data --dry-run
  mosaic-admin reindex --data ./data
  MOSAIC_CONFIG_FILE=/etc/mosaic/worker.env mosaic-admin reindex --role outbox
${EXIT_HELP}`;

/** Adds `reindex` to the command. */
export function registerReindex(program: Command, host: Host): void {
  const command = program
    .command('reindex')
    .summary('make the record index anew from the segments')
    .description('Makes the record index anew from the segments, while serving or not.')
    .option('--dry-run', 'only say what would be done and how long it would take')
    .option('--fresh', 'begin anew, whatever an interrupted run has done')
    .option('--skip-damaged', 'leave out what is damaged in the segments');
  addPlaceOptions(command)
    .addHelpText('after', HELP)
    .action(async (options: ReindexCommandOptions) => {
      await runReindex(host, options);
    });
}

async function runReindex(host: Host, options: ReindexCommandOptions): Promise<void> {
  const place = await findPlace(options);
  if (place.of === 'embedded' && options.role !== undefined) {
    const remedy = 'Leave it out: the indexes of all roles lie in one folder.';
    throw usageError('--role', "the embedded server's index is made anew as a whole", remedy);
  }
  if (options.dryRun === true) await dryRun(host, options, place);
  else await reindex(host, options, place);
}

function subjectOf(place: Place, holding: { readonly name: string }): Subject {
  const holder = place.of === 'embedded' ? place.view.holder : undefined;
  return { name: holding.name, holder, isCluster: place.of === 'cluster' };
}

async function dryRun(host: Host, options: ReindexCommandOptions, place: Place): Promise<void> {
  const holding = await openPlace(options);
  const roles: Record<string, RoleEstimate> = {};
  try {
    for (const { role, log } of holding.roles) roles[role] = await estimate(log, LARGE_BATCHES);
  } catch (error) {
    throw advised(error);
  } finally {
    await holding.close();
  }
  if (place.of === 'cluster') await countInCluster(host, options, place, roles);
  const text = options.json === true ? estimateJson : estimateText;
  host.write(text(subjectOf(place, holding), roles));
}

/** Adds how many entries of each role's index lead nowhere. */
async function countInCluster(
  host: Host,
  options: ReindexCommandOptions,
  place: Extract<Place, { of: 'cluster' }>,
  roles: Record<string, RoleEstimate>,
): Promise<void> {
  const holding = await openCluster(place.config, options.role);
  try {
    await interruptible(host, options.quiet === true, async ({ signal, progress }) => {
      for (const each of holding.roles) {
        const { role, index, log } = each;
        assertReaches(each);
        const onProgress = entriesProgress(progress, role);
        const dangling = await countDangling({ index, log, signal, onProgress });
        roles[role] = { ...roles[role]!, dangling };
      }
    });
  } finally {
    await holding.close();
  }
}

async function reindex(host: Host, options: ReindexCommandOptions, place: Place): Promise<void> {
  const startMs = performance.now();
  const { done, subject } = await interruptible(host, options.quiet === true, async (watched) => {
    const { signal, progress, status } = watched;
    const run: Run = {
      isFresh: options.fresh === true,
      skipsDamage: options.skipDamaged === true,
      signal,
      onProgress: (role, { records, bytesDone, bytesTotal }, total = 0) => {
        const [done, of] = total >= records ? [records, total] : [bytesDone, bytesTotal];
        progress.report({ what: `${role}: indexing`, done, total: of, records });
      },
      onEntries: (role, ...counts) => entriesProgress(progress, role)(...counts),
      onNote: (text) => status.note(text),
    };
    try {
      return await runAt(place, options, run);
    } catch (error) {
      progress.clear();
      if (isMosaicError(error) && error.code === 'interrupted') {
        status.warn('The same command goes on where it was.');
      }
      throw advised(error);
    }
  });
  const seconds = (performance.now() - startMs) / 1000;
  const text = options.json === true ? reindexedJson : reindexedText;
  host.write(text(subject, done, seconds));
}

function entriesProgress(progress: ProgressReporter, role: string) {
  return (done: number, total: number): void => {
    progress.report({ what: `${role}: walking the index`, done, total, records: done });
  };
}

type Run = Omit<ReindexOptions, 'view' | 'onProgress'> & {
  readonly onEntries: (role: string, done: number, total: number) => void;
  readonly onProgress: (role: string, progress: RebuildProgress, total?: number) => void;
};

async function runAt(
  place: Place,
  options: ReindexCommandOptions,
  run: Run,
): Promise<{ readonly done: Reindexed; readonly subject: Subject }> {
  if (place.of === 'embedded') {
    const { view } = place;
    const done = await reindexEmbedded({ ...run, view });
    return { done, subject: subjectOf(place, { name: view.path }) };
  }
  const holding = await openCluster(place.config, options.role);
  try {
    const done = await reindexCluster({ ...run, holding });
    return { done, subject: subjectOf(place, holding) };
  } finally {
    await holding.close();
  }
}

/** The error with what to do about it. */
function advised(error: unknown): unknown {
  if (!isMosaicError(error) || error.kind !== 'corrupt' || error.code !== 'segment') return error;
  const { kind, code, message } = error;
  const advice =
    'Restore the segment from a backup; or, to go on with what is whole, add --skip-damaged.';
  return new MosaicError(kind, code, `${message}\n${advice}`, { cause: error });
}
