// Runs the golden vectors of one directory against the protocol library: `npm run vectors -- DIR`.
// Prints a line per failed case and the totals; exits with 1 where anything failed.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

/** Compiles the library, so that what runs is what stands in the sources. */
function build() {
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  const tsc = join(typescript, '..', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-b', 'libs/protocol'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) fail('libs/protocol does not compile; nothing was run');
}

function readFiles(directory) {
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .sort();
  if (names.length === 0) fail(`no *.json in ${directory}`);
  return names.map((name) => {
    try {
      return { name, data: JSON.parse(readFileSync(join(directory, name), 'utf8')) };
    } catch (error) {
      return fail(`${name}: no JSON: ${error.message}`);
    }
  });
}

const [directory, ...others] = process.argv.slice(2);
if (directory === undefined || others.length > 0) fail('usage: npm run vectors -- DIR');
// npm runs scripts in the root of the workspace; a relative DIR is meant from where npm was called.
const from = process.env.INIT_CWD ?? process.cwd();
let files;
try {
  files = readFiles(resolve(from, directory));
} catch (error) {
  fail(`cannot read ${directory}: ${error.message}`);
}
build();
const { runVectors } = await import('../libs/protocol/dist/vectors/index.js');
const results = runVectors(files);
const failed = results.filter(({ ok }) => !ok);
for (const { set, name, why } of failed) console.log(`${set} ${name}: ${why}`);
console.log(`${results.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
