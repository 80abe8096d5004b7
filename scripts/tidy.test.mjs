// Protects the module boundaries: each rule of tidy.mjs bites on a tree that breaks it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tidy } from './tidy.mjs';

let root = '';

function write(path, text) {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

function manifest(folder, ...dependencies) {
  write(
    `${folder}/package.json`,
    JSON.stringify({ dependencies: Object.fromEntries(dependencies.map((name) => [name, '*'])) }),
  );
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tidy-'));
  manifest('libs/protocol');
  manifest('services/gateway', '@mosaic-cluster/protocol');
  write('libs/protocol/src/index.ts', '/** Why. */\nexport {};\n');
  write('services/gateway/src/index.ts', '/** Why. */\nimport "@mosaic-cluster/protocol";\n');
});

afterEach(() => rmSync(root, { recursive: true }));

describe('tidy', () => {
  it('finds nothing in a tree that keeps the rules', () => {
    expect(tidy(root)).toEqual([]);
  });

  it.each([
    ['an undeclared package', "/** Why. */\nimport { x } from '@mosaic-cluster/store';\n", 2],
    ['a way out of the package', "/** Why. */\nimport { x } from '../../../libs/a.ts';\n", 2],
    ['a star export', "/** Why. */\nexport * from './a.ts';\n", 2],
    ['a file that does not say why', 'const x = 1;\n', 1],
    ['the environment', '/** Why. */\nconst x = process.env;\n', 2],
    ['an end of the process', '/** Why. */\nprocess.exit(1);\n', 2],
    ['a promise to finish later', `/** Why. */\n// ${['TO', 'DO'].join('')} later\n`, 2],
    ['a long file', `/** Why. */\n${'\n'.repeat(400)}`, 1],
  ])('complains of %s', (_, text, line) => {
    write('services/gateway/src/a.ts', text);
    expect(tidy(root)).toEqual([expect.stringContaining(`services/gateway/src/a.ts:${line}: `)]);
  });

  it('lets tests, and nothing else, import the servers for tests', () => {
    const text = "/** Why. */\nimport { x } from '@mosaic-cluster/test-servers';\n";
    const devDependencies = { '@mosaic-cluster/test-servers': '*', '@mosaic-cluster/store': '*' };
    write('services/gateway/package.json', JSON.stringify({ devDependencies }));
    write('services/gateway/src/index.ts', '/** Why. */\n');
    write('services/gateway/src/a.test.ts', text);
    write('services/gateway/src/b.ts', text);
    expect(tidy(root)).toEqual([
      expect.stringContaining('services/gateway/package.json:1: '),
      expect.stringContaining('services/gateway/src/b.ts:2: '),
    ]);
  });

  it('complains of a Node module in the protocol library', () => {
    write('libs/protocol/src/a.ts', "/** Why. */\nimport { x } from 'node:fs';\n");
    expect(tidy(root)).toHaveLength(1);
  });

  it('complains of an export of a library without a doc comment', () => {
    write('libs/protocol/src/a.ts', '/** Why. */\n\nexport const x = 1;\n');
    expect(tidy(root)).toHaveLength(1);
  });

  it('complains of a dependency that the table does not allow', () => {
    manifest('libs/protocol', '@mosaic-cluster/gateway');
    expect(tidy(root)).toEqual([expect.stringContaining('may not depend on')]);
  });
});
