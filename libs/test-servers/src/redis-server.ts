/** Redis servers for tests, one by one. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { ask } from './probe.ts';
import { ServerProcess, startedHere, startWithFreePorts } from './server-process.ts';
import type { TestCertificate } from './test-certificate.ts';

/** How a Redis server is started. */
export interface RedisOptions {
  /** The path of a configuration; what is said otherwise goes over it. */
  readonly configFile?: string;
  /** Further arguments, as `['--maxmemory', '64mb']`. */
  readonly args?: readonly string[];
  /** It speaks TLS only, with this certificate, and asks its clients for none. */
  readonly tls?: TestCertificate;
  /** Where it runs instead of a passing folder and a free port. */
  readonly place?: RedisPlace;
}

/** Where a Redis server runs: what it may write to, and its ports at 127.0.0.1. */
export interface RedisPlace {
  readonly folder: string;
  readonly port: number;
  /** Of a member of a Redis Cluster, for the others. */
  readonly busPort: number;
}

/** A Redis server under test. It keeps nothing over a restart unless its arguments say so. */
export class RedisServer extends ServerProcess {
  readonly url: string;
  readonly port: number;
  readonly #ca: string | undefined;

  /** Use {@link startRedis}. */
  constructor(options: RedisOptions, port: number) {
    const ca = options.tls?.certificate;
    super({
      name: 'redis-server',
      folder: options.place?.folder,
      args: (folder) => [
        ...(options.configFile === undefined ? [] : [options.configFile]),
        ...argumentsOf({ bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no' }),
        // A replica gets its copy at once: nobody else is waited for.
        ...argumentsOf({ 'repl-diskless-sync-delay': 0 }),
        ...(options.tls === undefined
          ? argumentsOf({ port })
          : tlsArguments(folder, port, options.tls)),
        ...(options.args ?? []),
      ],
      // One that asks everybody for a password answers as well.
      isReady: async () => /^(\+PONG|-NOAUTH)/.test(await ask(port, 'PING\r\n', '\n', ca)),
    });
    this.#ca = ca;
    this.port = port;
    this.url = `${ca === undefined ? 'redis' : 'rediss'}://127.0.0.1:${port}`;
  }

  /**
   * Runs a command of plain words.
   *
   * @returns its answer as it comes over the wire
   * @throws Error where it is an error
   */
  async command(words: string, until = '\n'): Promise<string> {
    const answer = await ask(this.port, `${words}\r\n`, until, this.#ca);
    if (answer === '' || answer.startsWith('-')) throw new Error(`${words}: ${answer.trim()}`);
    return answer;
  }
}

/** Starts one Redis server. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  if (options.place !== undefined) {
    return startedHere(new RedisServer(options, options.place.port));
  }
  return startWithFreePorts(async () => new RedisServer(options, await freePort()));
}

/** Settings as arguments of a server. */
export function argumentsOf(settings: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
}

function tlsArguments(
  folder: string,
  port: number,
  { certificate, key }: TestCertificate,
): string[] {
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(certFile, certificate);
  writeFileSync(keyFile, key, { mode: 0o600 });
  return argumentsOf({
    port: 0,
    'tls-port': port,
    'tls-cert-file': certFile,
    'tls-key-file': keyFile,
    'tls-ca-cert-file': certFile,
    'tls-auth-clients': 'no',
  });
}
