/** The library is the same in a browser: bundled without Node, it passes the golden vectors. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dumpPage } from '../testing/chromium.ts';
import { readVectorFiles, vectorCases } from '../testing/vector-files.ts';

/** What the page runs: everything that the package exports, and the vectors. */
const ENTRY = `
import * as protocol from './index.ts';
import { runVectors } from './vectors/index.ts';

const results = runVectors(globalThis.vectorFiles);
const failed = results.filter(({ ok }) => !ok);
const lines = failed.map(({ set, name, why }) => set + ' ' + name + ': ' + why);
lines.push(Object.keys(protocol).length + ' exports');
lines.push(results.length - failed.length + ' passed, ' + failed.length + ' failed');
document.querySelector('pre').textContent = lines.join('\\n');
`;

const PAGE = `<!doctype html><meta charset="utf-8"><pre>the script did not finish</pre>
<script src="vectors.js"></script><script src="bundle.js"></script>`;

const directory = mkdtempSync(join(tmpdir(), 'mosaic-browser-'));
const files = readVectorFiles();
let bundle = '';
let imported: string[] = [];

beforeAll(async () => {
  const result = await build({
    stdin: {
      contents: ENTRY,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
      loader: 'ts',
    },
    bundle: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    metafile: true,
    write: false,
  });
  bundle = result.outputFiles.map(({ text }) => text).join('\n');
  imported = Object.values(result.metafile.inputs).flatMap((input) =>
    input.imports.map(({ path }) => path),
  );
  writeFileSync(join(directory, 'bundle.js'), bundle);
  writeFileSync(join(directory, 'vectors.js'), `vectorFiles = ${JSON.stringify(files)};`);
  writeFileSync(join(directory, 'page.html'), PAGE);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('bundled for a browser', () => {
  test('it asks nothing of Node', () => {
    expect(bundle.length).toBeGreaterThan(50_000);
    expect(imported.length).toBeGreaterThan(50);
    expect(imported.filter((path) => path.startsWith('node:'))).toEqual([]);
    expect(bundle).not.toMatch(/["'`]node:/);
    expect(bundle).not.toMatch(/\bBuffer\b/);
    expect(bundle).not.toMatch(/\brequire\(/);
    expect(bundle).not.toMatch(/\bprocess\./);
  });

  test('it passes the golden vectors in Chromium', { timeout: 420_000 }, () => {
    const cases = files.map(({ name }) => vectorCases(files, name.replace('.json', '')).length);
    const total = cases.reduce((sum, count) => sum + count, 0);
    const text = /<pre>([^<]*)<\/pre>/.exec(dumpPage(join(directory, 'page.html')))?.[1];
    expect(text?.split('\n').at(-1)).toBe(`${total} passed, 0 failed`);
  });
});
