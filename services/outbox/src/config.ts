/** The settings of an outbox worker; the only place that looks at the environment. */
import { type WorkerConfig, workerProblems, workerSettings } from '@mosaic-cluster/cluster/worker';
import { ConfigError, loadConfigFile, readConfig } from '@mosaic-cluster/runtime';

/** Every setting: the source of the parser, of `--help` and of docs/configuration.md. */
export const settings: typeof workerSettings = workerSettings;

/** Reads environment and configuration file. @throws ConfigError naming every wrong setting */
export function readOutboxConfig(): WorkerConfig {
  const config = readConfig(settings, process.env, loadConfigFile(process.env));
  const problems = workerProblems(config);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
