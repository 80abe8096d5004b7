/** What a server's /metrics page says: the part of its memory that is JavaScript's, and its levels. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { LoadError } from '../load-error.ts';

const TIMEOUT_MS = 5_000;

/** The page of one server. */
export class ServerMetrics {
  readonly #url: string;

  /** @param address where the health port is, as HOST:PORT */
  constructor(address: string) {
    this.#url = `http://${address}/metrics`;
  }

  /** The values by name; where a name has several labels, their sum. @throws LoadError */
  async read(): Promise<ReadonlyMap<string, number>> {
    try {
      const response = await fetch(this.#url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      return parseMetrics(await response.text());
    } catch (cause) {
      throw new LoadError(`the server's figures at ${this.#url} cannot be read`, { cause });
    }
  }
}

/** Reads the text format of Prometheus; lines that are no values are skipped. */
export function parseMetrics(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)$/.exec(line);
    const [, name, value] = match ?? [];
    if (name === undefined) continue;
    values.set(name, (values.get(name) ?? 0) + Number(value));
  }
  return values;
}

/** An address that nothing listens at. Another program could take it before the server does. */
export async function freeLocalAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}
