/** Where the socket is on which a running server answers commands. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { SOCKET_PATH_MAX } from './process-lock.ts';

/** Its name in the data folder. */
export const CONTROL_SOCKET = 'control.sock';

/**
 * The path of the socket of a data folder; undefined: it would be longer than systems allow. Unlike the
 * lock it never lies in a folder that others may write to: whoever listens there is believed.
 */
export async function controlPath(folder: string): Promise<string | undefined> {
  const path = join(await realpath(folder), CONTROL_SOCKET);
  return Buffer.byteLength(path) <= SOCKET_PATH_MAX ? path : undefined;
}
