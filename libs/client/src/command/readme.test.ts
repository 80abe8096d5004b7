/**
 * The README's examples are run as they stand there: what it shows is what users will see.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, processHost } from './host.ts';
import { createPaint } from './paint.ts';
import { run } from './program.ts';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const before = process.cwd();
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mosaic-readme-'));
  process.chdir(folder);
});

afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

interface Example {
  readonly command: string;
  readonly output: string;
}

function examples(): Example[] {
  const found: Example[] = [];
  for (const [, block = ''] of README.matchAll(/^```console\n(.*?)^```$/gms)) {
    for (const part of block.split(/^\$ /m).slice(1)) {
      const end = part.indexOf('\n');
      found.push({ command: part.slice(0, end), output: part.slice(end + 1).trimEnd() });
    }
  }
  return found;
}

/** The words of a command line that quotes with ' only. */
function words(command: string): string[] {
  return Array.from(
    command.matchAll(/'([^']*)'|(\S+)/g),
    ([, quoted, bare]) => quoted ?? bare ?? '',
  );
}

async function outputOf(command: string): Promise<string> {
  let output = '';
  const write = (data: string | Uint8Array): void => {
    output += String(data);
  };
  const paint = createPaint(false);
  const settings = { secretKey: undefined, server: undefined, allowsColour: false };
  const host: Host = { ...processHost(), settings, paint, errorPaint: paint, write, warn: write };
  const [name, ...args] = words(command);
  expect(name).toBe('mosaic');
  await run(args, host);
  return output.trimEnd();
}

test('every example prints what the README says', async () => {
  const all = examples();
  expect(all.length).toBeGreaterThan(4);
  for (const { command, output } of all) {
    expect(await outputOf(command), command).toBe(output);
  }
});
