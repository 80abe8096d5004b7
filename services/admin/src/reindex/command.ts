/** `mosaic-admin reindex`: makes the record index anew from the segments. */
import { type Host, StatusLine, usageError } from '@mosaic-cluster/client/command';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type { DataFolderView } from '@mosaic-cluster/standalone/data-folder';
import { openSegmentLogReader } from '@mosaic-cluster/store';
import type { Command } from 'commander';
import { EXIT_HELP } from '../exit-code.ts';
import { ROLES, viewFolder } from '../open-embedded.ts';
import { addPlaceOptions, dataFolderOf, PLACE_HELP, type PlaceOptions } from '../place-options.ts';
import { ProgressReporter } from '../progress.ts';
import { type Estimate, estimate } from './estimate.ts';
import { reindexEmbedded, LARGE_BATCHES } from './reindex-embedded.ts';
import { estimateJson, estimateText, reindexedJson, reindexedText } from './reindex-report.ts';

interface ReindexCommandOptions extends PlaceOptions {
  readonly dryRun?: true;
  readonly fresh?: true;
  readonly skipDamaged?: true;
}

const HELP = `
Makes the record index anew from the segments, which hold everything that it has to answer. Signatures
are not checked again; "mosaic-admin verify" does that.

The new index is made beside the one that is there, in the folder "reindex" of the data folder. With
the server stopped it then takes the place of the old one, at once and as a whole; until then a server
cannot be started. While the server runs, it goes on with the old index, and takes the new one over
when it is started the next time; what came in meanwhile it adds then by itself. A server that meets
damage in its index, or finds none, makes it anew at its start without being asked.

Ctrl-C ends it at any time; the same command goes on where it was, unless --fresh is given. Damage in
the segments ends it with the name of the file; with --skip-damaged the index lacks what is damaged.
${PLACE_HELP}

Examples:
  mosaic-admin reindex --data ./data --dry-run
  mosaic-admin reindex --data ./data
  mosaic-admin reindex --data ./data --json
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
  if (options.role !== undefined) {
    const remedy = 'Leave it out: the indexes of all roles lie in one folder.';
    throw usageError('--role', 'the embedded server’s index is made anew as a whole', remedy);
  }
  const { option, path } = dataFolderOf(options);
  const view = await viewFolder(option, path);
  if (options.dryRun === true) await dryRun(host, options, view);
  else await reindex(host, options, view);
}

async function dryRun(
  host: Host,
  options: ReindexCommandOptions,
  view: DataFolderView,
): Promise<void> {
  const roles: Record<string, Estimate> = {};
  for (const role of ROLES.filter((each) => view.roles.includes(each))) {
    const log = await openSegmentLogReader({ directory: view.segments(role), role });
    try {
      roles[role] = await estimate(log, LARGE_BATCHES);
    } catch (error) {
      throw advised(error);
    } finally {
      await log.close();
    }
  }
  host.write(options.json === true ? estimateJson(view, roles) : estimateText(view, roles));
}

async function reindex(
  host: Host,
  options: ReindexCommandOptions,
  view: DataFolderView,
): Promise<void> {
  const status = new StatusLine(host, options.quiet === true);
  const progress = new ProgressReporter(host, status);
  const stopped = new AbortController();
  const off = host.onInterrupt(() => stopped.abort());
  const startMs = performance.now();
  try {
    const done = await reindexEmbedded({
      view,
      isFresh: options.fresh === true,
      skipsDamage: options.skipDamaged === true,
      signal: stopped.signal,
      onProgress: (role, { records, bytesDone, bytesTotal }, total) => {
        const isCounted = total >= records;
        const [amount, of] = isCounted ? [records, total] : [bytesDone, bytesTotal];
        progress.report({ what: `${role}: indexing`, done: amount, total: of, records });
      },
      onNote: (text) => status.note(text),
    });
    progress.clear();
    const seconds = (performance.now() - startMs) / 1000;
    const text = options.json === true ? reindexedJson : reindexedText;
    host.write(text(view, done, seconds));
  } catch (error) {
    progress.clear();
    if (isMosaicError(error) && error.code === 'interrupted') {
      status.warn('The same command goes on where it was; the index in use is as it was.');
    }
    throw advised(error);
  } finally {
    off();
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
