/** Asks servers whether they answer, with as little of their protocols as that takes. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

const PROBE_TIMEOUT_MS = 1_000;

/**
 * Says something to a server and gives back what it says first, or '' where it says nothing.
 *
 * @param until the answer is whole once it contains this
 * @param ca who signed its certificate, PEM; undefined: it speaks without TLS
 */
export function ask(port: number, words: string, until = '\n', ca?: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const place = { port, host: '127.0.0.1' };
    const socket = ca === undefined ? connect(place) : connectTls({ ...place, ca });
    const end = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, end);
    socket.once('error', end);
    socket.once('close', end);
    socket.once(ca === undefined ? 'connect' : 'secureConnect', () => {
      if (words !== '') socket.write(words);
    });
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.includes(until)) end();
    });
  });
}

/** Fetches a path by HTTP; undefined where the server does not answer with success. */
export async function fetchText(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}

/** Asks again and again until the answer is yes. */
export async function waitFor(
  what: string,
  isSo: () => Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
