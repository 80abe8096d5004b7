/**
 * The folder of a cluster on one machine. It keeps the records, the server's key, and which ports
 * were used, so that the next start finds everything where it was.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { encodeSecretKey, generateSecretKey } from '@mosaic-cluster/protocol';
import { freePort, isFreePort } from '@mosaic-cluster/test-servers';

const STATE = 'cluster.json';
const KEY = 'server.key';

interface State {
  readonly ports: Record<string, number>;
  readonly s3: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** Where a cluster keeps everything. */
export class ClusterFolder {
  readonly path: string;
  /** For the gateways. */
  readonly serverKeyFile: string;
  readonly s3: State['s3'];
  readonly #ports: Map<string, number>;
  readonly #taken = new Set<number>();

  private constructor(path: string, state: State) {
    this.path = path;
    this.serverKeyFile = join(path, KEY);
    this.s3 = state.s3;
    this.#ports = new Map(Object.entries(state.ports));
  }

  /**
   * Opens a folder, making it where it is not there.
   *
   * @throws Error that names what cannot be read or made
   */
  static async open(directory: string): Promise<ClusterFolder> {
    const path = resolve(directory);
    await mkdir(path, { recursive: true, mode: 0o700 });
    const folder = new ClusterFolder(path, await readState(join(path, STATE)));
    await makeKey(folder.serverKeyFile);
    return folder;
  }

  /** A folder in it. */
  folder(name: string): string {
    return join(this.path, name);
  }

  /** Empties a folder in it. */
  async clear(name: string): Promise<void> {
    await rm(this.folder(name), { recursive: true, force: true });
  }

  /**
   * The port of something: the one it had, where nobody else has it now, else one that is free.
   *
   * @param wish for the first time
   */
  async port(name: string, wish?: number): Promise<number> {
    for (const candidate of [this.#ports.get(name), wish]) {
      if (candidate === undefined || this.#taken.has(candidate)) continue;
      const isFree = await isFreePort(candidate);
      if (isFree && !this.#taken.has(candidate)) return this.#keep(name, candidate);
    }
    let port = await freePort();
    while (this.#taken.has(port)) port = await freePort();
    return this.#keep(name, port);
  }

  /** The port that something had the last time. */
  lastPort(name: string): number | undefined {
    return this.#ports.get(name);
  }

  /** Remembers the ports for the next start. */
  async save(): Promise<void> {
    const state: State = { ports: Object.fromEntries(this.#ports), s3: this.s3 };
    const file = join(this.path, STATE);
    await writeFile(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
    await rename(`${file}.new`, file);
  }

  #keep(name: string, port: number): number {
    this.#ports.set(name, port);
    this.#taken.add(port);
    return port;
  }
}

async function readState(file: string): Promise<State> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return { ports: {}, s3: newCredentials() };
  try {
    return JSON.parse(text) as State;
  } catch (cause) {
    throw new Error(`${file} is damaged: delete it, it only holds ports`, { cause });
  }
}

function newCredentials(): State['s3'] {
  return {
    accessKeyId: randomBytes(10).toString('hex'),
    secretAccessKey: randomBytes(20).toString('hex'),
  };
}

async function makeKey(file: string): Promise<void> {
  const text = `${encodeSecretKey(generateSecretKey())}\n`;
  await writeFile(file, text, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}
