/** The only place that looks at the environment: what the processes of the cluster take over from it. */

/**
 * The environment of a service: this process's without any setting of Mosaic, because what is set
 * for one service is none of another's.
 */
export function serviceEnvironment(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('MOSAIC_'));
  return { ...Object.fromEntries(own), ...settings };
}
