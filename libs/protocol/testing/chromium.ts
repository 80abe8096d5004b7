/** Finds a headless Chromium and shows it a page, for tests of what must run in a browser. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'] as const;
const INSTALL_TIMEOUT_MS = 300_000;
const PAGE_TIMEOUT_MS = 90_000;
/** Most of a page's text that is read. */
const PAGE_BYTES_MAX = 16 * 1024 * 1024;

function onPath(): string | undefined {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(directory, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        continue;
      }
    }
  }
  return undefined;
}

/**
 * The browser's path; as root on Debian it is installed where it is missing.
 *
 * @throws Error with what to do where there is none
 */
export function findChromium(): string {
  const found = onPath();
  if (found !== undefined) return found;
  const remedy = `none of ${NAMES.join(', ')} is on the PATH: install one, e.g. apt-get install chromium`;
  if (process.getuid?.() !== 0) throw new Error(remedy);
  try {
    execFileSync('apt-get', ['install', '-y', '-qq', 'chromium'], {
      stdio: 'ignore',
      timeout: INSTALL_TIMEOUT_MS,
    });
  } catch (cause) {
    throw new Error(`${remedy} (installing it failed)`, { cause });
  }
  const installed = onPath();
  if (installed === undefined) throw new Error(remedy);
  return installed;
}

/** The document's markup after its scripts have run. */
export function dumpPage(pagePath: string): string {
  const profile = mkdtempSync(join(tmpdir(), 'mosaic-chromium-'));
  try {
    return execFileSync(
      findChromium(),
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        `--user-data-dir=${profile}`,
        '--dump-dom',
        pathToFileURL(pagePath).href,
      ],
      {
        encoding: 'utf8',
        maxBuffer: PAGE_BYTES_MAX,
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: PAGE_TIMEOUT_MS,
      },
    );
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
