/** Where the `mosaic-admin` command starts. */
import { processHost } from '@mosaic-cluster/client/command';
import { run } from './program.ts';

// A reader that has seen enough, such as `head`, closes the pipe: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await run(process.argv.slice(2), processHost());
