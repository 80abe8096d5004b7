/** Starts the embedded server. */
import { createLogger, renderSettingsHelp, run } from '@mosaic-cluster/runtime';
import { readyLine, readyPage } from './announce.ts';
import { readStandaloneConfig, settings } from './config.ts';
import { startServer } from './server.ts';

const HELP = `mosaic-cluster: the embedded Mosaic server, all roles in one process.

Usage: npm start            serves until Ctrl-C or SIGTERM
       npm start -- --help  this text

Settings come from the environment, or from the file that MOSAIC_CONFIG_FILE names:

`;

await run(async (lifecycle) => {
  if (process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write(HELP + renderSettingsHelp(settings));
    return 0;
  }
  const config = readStandaloneConfig();
  const isPage = process.stdout.isTTY && config.log !== 'json';
  lifecycle.log = createLogger({
    service: 'standalone',
    level: config.logLevel,
    format: config.log,
  });
  const server = await startServer(config, lifecycle);
  process.stdout.write(`${isPage ? readyPage(server) : readyLine(server)}\n`);
  return undefined;
});
