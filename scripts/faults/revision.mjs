// Another revision of this repository, checked out and built beside it, for clusters of two ages.
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const SERVICES = ['gateway', 'outbox', 'inbox', 'encryption'];
/** For installing and building it. */
const TIMEOUT_MS = 600_000;

const execute = promisify(execFile);

/**
 * Builds the services of a revision.
 *
 * @returns `{name, folder, remove}`
 */
export async function buildRevision(revision, say) {
  const git = async (...args) => (await execute('git', ['-C', ROOT, ...args])).stdout.trim();
  const name = await git('log', '-1', '--format=%h', revision);
  const folder = mkdtempSync(join(tmpdir(), `mosaic-${name}-`));
  const remove = async () => {
    await git('worktree', 'remove', '--force', folder).catch(() => {});
    await rm(folder, { recursive: true, force: true });
  };
  try {
    say(`  builds ${name} beside this revision`);
    await git('worktree', 'add', '--detach', folder, name);
    const within = { cwd: folder, timeout: TIMEOUT_MS };
    await execute('npm', ['ci', '--no-audit', '--no-fund'], within);
    const tsc = join('node_modules', '.bin', 'tsc');
    await execute(tsc, ['-b', ...SERVICES.map((service) => `services/${service}`)], within);
    return { name, folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
