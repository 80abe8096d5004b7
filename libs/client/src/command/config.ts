/**
 * What the command takes from its environment, so that nothing else reads it.
 */

/** The environment's say in a run. */
export interface CommandSettings {
  /** `MOSAIC_SECRET_KEY`: what `--secret` says where it is absent. A secret. */
  readonly secretKey: string | undefined;
  /** `MOSAIC_SERVER`: what `--server` says where it is absent. */
  readonly server: string | undefined;
  /** False where `NO_COLOR` (https://no-color.org) or a dumb terminal forbid colours. */
  readonly allowsColour: boolean;
}

/** Reads the settings. */
export function readSettings(env: NodeJS.ProcessEnv = process.env): CommandSettings {
  const isForbidden = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return {
    secretKey: given(env['MOSAIC_SECRET_KEY']),
    server: given(env['MOSAIC_SERVER']),
    allowsColour: !isForbidden,
  };
}

function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
