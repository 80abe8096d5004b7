/** What the load test takes from the environment: nothing but what its servers inherit. */

/**
 * The environment of a server that the load test starts: this one's, without settings meant for
 * another server.
 */
export function serverEnvironment(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('MOSAIC_'));
  return { ...Object.fromEntries(inherited), ...settings };
}
