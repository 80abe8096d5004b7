/** The settings of an inbox worker; the only place that looks at the environment. */
import { workerProblems, workerSettings } from '@mosaic-cluster/cluster/worker';
import { ConfigError, type ConfigOf, loadConfigFile, readConfig } from '@mosaic-cluster/runtime';
import { moderationSetting } from './policy.ts';

/** Every setting: the source of the parser, of `--help` and of docs/configuration.md. */
export const settings: { readonly moderation: typeof moderationSetting } & typeof workerSettings = {
  moderation: moderationSetting,
  ...workerSettings,
};

/** What the settings amount to. */
export type InboxConfig = ConfigOf<typeof settings>;

/** Reads environment and configuration file. @throws ConfigError naming every wrong setting */
export function readInboxConfig(): InboxConfig {
  const config = readConfig(settings, process.env, loadConfigFile(process.env));
  const problems = workerProblems(config);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
