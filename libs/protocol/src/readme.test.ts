/** The example in the package's README does what it says. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

test('the example runs', { timeout: 60_000 }, async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const directory = mkdtempSync(join(tmpdir(), 'mosaic-readme-'));
  try {
    const result = await build({
      stdin: {
        contents: example.replace('@mosaic-cluster/protocol', './index.ts'),
        resolveDir: fileURLToPath(new URL('.', import.meta.url)),
        loader: 'ts',
      },
      bundle: true,
      platform: 'neutral',
      mainFields: ['module', 'main'],
      format: 'esm',
      write: false,
    });
    const script = join(directory, 'example.mjs');
    writeFileSync(script, result.outputFiles.map(({ text }) => text).join('\n'));
    const run = spawnSync(process.execPath, [script], { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    expect(run.stdout).toMatch(/^mopub0[a-z0-9]{52} true\n$/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
