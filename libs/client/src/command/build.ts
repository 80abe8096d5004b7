/**
 * `mosaic build`: the parent of the commands that make things.
 */
import type { Command } from 'commander';
import { registerBuildFilter } from './build-filter.ts';
import { registerBuildKeySchedule } from './build-key-schedule.ts';
import { registerBuildRecord } from './build-record.ts';
import { EXIT_HELP } from './exit-code.ts';
import type { Host } from './host.ts';

const HELP = `
Examples:
  mosaic build record --kind microblog-root --payload 'Hello' --secret @alice.key
  mosaic build filter --author mopub0… --since 2026-01-01
  mosaic build key-schedule --secret @master.key --subkey active=@phone.key

"mosaic build COMMAND --help" tells more about one command.
${EXIT_HELP}`;

/** Adds `build` to the command. */
export function registerBuild(program: Command, host: Host): void {
  const build = program
    .command('build')
    .summary('make a record, filter or key schedule')
    .description('Makes and signs a record, or makes a filter.')
    .addHelpText('after', HELP);
  registerBuildRecord(build, host);
  registerBuildFilter(build, host);
  registerBuildKeySchedule(build, host);
}
