// Runs every test: builds first (worker threads and child processes run the build), then vitest,
// and ends with a line that says how many passed.
//
//   npm test [-- VITEST ARGUMENTS]       MOSAIC_SLOW_TESTS=1 adds the slow ones
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function run(what, command, args) {
  console.log(`> ${what}`);
  return spawnSync(command, args, { stdio: 'inherit' }).status ?? 1;
}

const bin = (name) => join('node_modules', '.bin', name);

if (run('building', bin('tsc'), ['-b']) !== 0) {
  console.log('The build failed: no test ran.');
  console.log('0 passed, 1 failed');
  process.exit(1);
}
// Before the tests, so that no test's time runs out while a server is installed.
if (run('servers', process.execPath, [join('scripts', 'servers.mjs')]) !== 0) {
  console.log('Tests that need the missing server will fail and name it.');
}
const folder = mkdtempSync(join(tmpdir(), 'mosaic-tests-'));
const report = join(folder, 'report.json');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const status = run('testing', bin('vitest'), ['run', ...reporters, ...process.argv.slice(2)]);
let passed = 0;
let failed = 0;
try {
  const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  passed = numPassedTests;
  failed = numFailedTests === 0 && status !== 0 ? Math.max(numFailedTestSuites, 1) : numFailedTests;
} catch {
  failed = 1;
  console.log('vitest left no report: see above.');
}
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
