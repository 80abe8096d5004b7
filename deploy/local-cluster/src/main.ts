/** The command `npm run cluster`. */
import { createLogger, run } from '@mosaic-cluster/runtime';
import { readyLine, readyPage } from './announce.ts';
import { startLocalCluster } from './local-cluster.ts';
import { HELP, type Options, parseOptions, UsageError } from './options.ts';
import { jsonReport, prettyReport, readLine } from './report.ts';

const STOP_TIMEOUT_MS = 90_000;

await run(async (lifecycle) => {
  const write = (text: string): void => void process.stdout.write(text);
  let options: Options | undefined;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`error: ${error.message}\n\n${HELP}`);
    return 2;
  }
  if (options === undefined) {
    write(HELP);
    return 0;
  }
  const { isJson } = options;
  const report = isJson ? jsonReport(write) : prettyReport(write, process.stdout.isTTY);
  lifecycle.log = createLogger({
    service: 'cluster',
    format: 'json',
    sink: { write: (line) => report(readLine('cluster', line)) },
  });
  lifecycle.closeAllTimeoutMs = STOP_TIMEOUT_MS;
  lifecycle.log.info('starting NATS, Redis, the S3 server and the services');
  try {
    const cluster = await startLocalCluster({
      ...options,
      report,
      signal: lifecycle.signal,
    });
    lifecycle.add('cluster', cluster, STOP_TIMEOUT_MS);
    write(`${isJson ? readyLine(cluster) : readyPage(cluster)}\n`);
    return undefined;
  } catch (error) {
    if (lifecycle.signal.aborted) return 0;
    lifecycle.log.fatal(error instanceof Error ? error.message : String(error));
    return 1;
  }
});
