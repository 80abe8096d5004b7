/** Names requests, so that the log lines of all processes that have to do with one are found together. */
import { randomInt } from 'node:crypto';
import { hostname } from 'node:os';

const PREFIX_MAX = 36 ** 5;
const HOST_CHARACTERS_MAX = 63;

/** Makes short names that no other process makes: `k3f9x-1a`. */
export function createRequestIds(): () => string {
  const prefix = randomInt(PREFIX_MAX).toString(36).padStart(5, '0');
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}-${count.toString(36)}`;
  };
}

/** What this process is called beside others of its service: `host/4711`. */
export function instanceName(): string {
  return `${hostname().slice(0, HOST_CHARACTERS_MAX)}/${process.pid}`;
}
