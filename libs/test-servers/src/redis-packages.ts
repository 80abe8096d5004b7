/** Installs Redis from Debian's packages, as the superuser or without any rights. */
import { access, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool } from './run-tool.ts';

const INSTALL_TIMEOUT_MS = 900_000;

/**
 * Installs Redis for the whole machine where this process may, else unpacks it into a folder.
 *
 * @param folder made only in the latter case
 * @throws Error that names what to install by hand
 */
export async function installRedisPackages(folder: string): Promise<void> {
  try {
    if (process.getuid?.() === 0) await installPackage();
    else await extractPackages(folder);
  } catch (error) {
    throw new Error(
      'redis-server is missing and apt-get could not install it. ' +
        'Install Redis 7 or newer with your package manager, or put redis-server on PATH.',
      { cause: error },
    );
  }
}

async function installPackage(): Promise<void> {
  const options = {
    timeoutMs: INSTALL_TIMEOUT_MS,
    environment: { DEBIAN_FRONTEND: 'noninteractive' },
  };
  const wait = ['-o', 'DPkg::Lock::Timeout=300'];
  const install = [...wait, 'install', '-y', '--no-install-recommends', 'redis-server'];
  // The lists may be missing or stale; without them the first attempt fails.
  await runTool('apt-get', install, options).catch(async () => {
    await runTool('apt-get', ['update'], options);
    await runTool('apt-get', install, options);
  });
}

/** Unpacks Redis and its libraries into the cache, for users who may not install anything. */
async function extractPackages(folder: string): Promise<void> {
  const scratch = await mkdtemp(`${folder}-new-`);
  const options = { timeoutMs: INSTALL_TIMEOUT_MS, folder: scratch };
  const hide = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'];
  const output = await runTool(
    'apt-cache',
    ['depends', '--recurse', ...hide.map((relation) => `--no-${relation}`), 'redis-tools'],
    options,
  );
  const names = output.split('\n').filter((line) => /^[a-z0-9][a-z0-9.+-]*$/.test(line));
  // The C library belongs to the system: another one could not load beside it.
  const wanted = names.filter((name) => !/^(libc6|libgcc|gcc-|libcrypt|libidn|init-)/.test(name));
  await runTool('apt-get', ['download', ...new Set(wanted)], options);
  const packages = (await readdir(scratch)).filter((file) => file.endsWith('.deb'));
  for (const file of packages) await runTool('dpkg', ['-x', file, 'root'], options);
  const binaries = join(scratch, 'root', 'usr', 'bin');
  // One program under several names; the package of the name in question may lack it.
  await access(join(binaries, 'redis-server')).catch(() =>
    rename(join(binaries, 'redis-check-rdb'), join(binaries, 'redis-server')),
  );
  await rename(join(scratch, 'root'), folder);
  await rm(scratch, { recursive: true, force: true });
}
