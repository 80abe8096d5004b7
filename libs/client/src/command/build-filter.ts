/**
 * `mosaic build filter`: what to ask a server for.
 */
import type { Command } from 'commander';
import { EXIT_HELP } from './exit-code.ts';
import { addFilterOptions, FILTER_HELP, filterOf, type FilterOptions } from './filter-options.ts';
import type { Host } from './host.ts';
import { addOutputOptions, OUTPUT_HELP, type OutputOptions, writeBuilt } from './output.ts';

const HELP = `${FILTER_HELP}
${OUTPUT_HELP}

Examples:
  mosaic build filter --author mopub0… --kind microblog-root --kind reply-comment
  mosaic build filter --tag notify=mopub0… --since 2026-11-01 --until 2026-11-30T23:59:59Z
  mosaic build filter --kind blog-post --exclude moref0… | mosaic inspect
${EXIT_HELP}`;

/** Adds `filter` to `build`. */
export function registerBuildFilter(build: Command, host: Host): void {
  const command = build
    .command('filter')
    .summary('make a filter')
    .description('Makes a filter, which says what records are wanted, and prints it.');
  addOutputOptions(addFilterOptions(command), 'hex')
    .addHelpText('after', HELP)
    .action((options: FilterOptions & OutputOptions) => {
      const filter = filterOf(host, options, 'build filter');
      writeBuilt(host, filter.bytes, options, false);
    });
}
