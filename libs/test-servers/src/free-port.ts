/** Finds ports for servers, below those that the system gives to outgoing connections. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const FIRST_PORT = 20_000;
const LAST_PORT = 31_999;
const ATTEMPTS_MAX = 100;

/**
 * A port that nobody listens on at 127.0.0.1. Somebody else may take it before it is used: whoever
 * starts a server tries again with another.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (await isFreePort(port)) return port;
  }
  throw new Error(`found no free port in ${ATTEMPTS_MAX} attempts`);
}

/** Whether nobody listens on a port at 127.0.0.1. */
export function isFreePort(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
