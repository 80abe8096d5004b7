// Fuzzes the parsers of the protocol library: `npm run fuzz -- --help`. The inputs are made in a
// thread of their own, so that one that never ends is noticed, named and stopped.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const HELP = `usage: npm run fuzz -- [options]
  --runs N         inputs over all targets (default 1000000)
  --seed N         0 to 4294967295 (default: random, printed)
  --target NAME    only this target
  --only INDEX     only this input of the target; with --seed it reproduces a finding
  --time-limit S   stop after so many seconds; what was not run is said
`;
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** An input that takes longer than this is taken for one that never ends. */
const HANG_MS = 20_000;
/** Inputs between two lines of progress. */
const PROGRESS_RUNS = 50_000;

async function loadTargets() {
  const fuzz = await import('../libs/protocol/dist/fuzz/index.js');
  const directory = join(ROOT, 'libs', 'protocol', 'vectors');
  const files = readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ name, data: JSON.parse(readFileSync(join(directory, name), 'utf8')) }));
  return { ...fuzz, targets: fuzz.fuzzTargets(files) };
}

// ── the thread that runs the inputs ──

async function work({ seed, runs, target: wanted, only, deadlineMs, current }) {
  const { targets, runFuzz } = await loadTargets();
  const chosen = targets.filter(({ name }) => wanted === undefined || name === wanted);
  for (const [place, target] of chosen.entries()) {
    const share = Math.floor(runs / chosen.length) + (place < runs % chosen.length ? 1 : 0);
    Atomics.store(current, 0, targets.indexOf(target));
    // What is left of the time is shared by the targets that are left.
    const shareMs = (deadlineMs - Date.now()) / (chosen.length - place);
    const untilMs = deadlineMs === Infinity ? Infinity : Date.now() + shareMs;
    let first = only ?? 0;
    const end = only === undefined ? share : only + 1;
    while (first < end) {
      const report = runFuzz(target, {
        seed,
        first,
        runs: Math.min(PROGRESS_RUNS, end - first),
        deadlineMs: untilMs,
        now: () => performance.timeOrigin + performance.now(),
        onInput: (index) => Atomics.store(current, 1, index),
      });
      parentPort.postMessage(report);
      if (report.findings.length > 0 || report.runs < Math.min(PROGRESS_RUNS, end - first)) break;
      first += report.runs;
    }
  }
}

// ── the thread that watches ──

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

function wholeNumber(name, text, max) {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > max) fail(`--${name} must be a whole number up to ${max}`);
  return number;
}

function readOptions() {
  const text = { type: 'string' };
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        runs: text,
        seed: text,
        target: text,
        only: text,
        'time-limit': text,
        help: { type: 'boolean' },
      },
    }));
  } catch (error) {
    fail(`${error.message}\n${HELP}`);
  }
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const seconds = values['time-limit'];
  if (values.only !== undefined && values.target === undefined) fail('--only needs --target');
  return {
    runs: wholeNumber('runs', values.runs ?? '1000000', 1e9),
    seed: wholeNumber('seed', values.seed ?? String(randomInt(2 ** 32)), 2 ** 32 - 1),
    target: values.target,
    only: values.only === undefined ? undefined : wholeNumber('only', values.only, 1e9),
    deadlineMs:
      seconds === undefined
        ? Infinity
        : Date.now() + 1000 * wholeNumber('time-limit', seconds, 1e6),
  };
}

function build() {
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  const { status } = spawnSync(
    process.execPath,
    [join(typescript, '..', 'bin', 'tsc'), '-b', 'libs/protocol'],
    { cwd: ROOT, stdio: ['ignore', 2, 2] },
  );
  if (status !== 0) fail('libs/protocol does not compile; nothing was run');
}

/** Where the worker is, in words that bring one back there. */
function place(names, current, seed) {
  const name = names[Atomics.load(current, 0)];
  return `npm run fuzz -- --seed ${seed} --target ${name} --only ${Atomics.load(current, 1)}`;
}

async function main() {
  const options = readOptions();
  build();
  const { targets } = await loadTargets();
  const names = targets.map(({ name }) => name);
  if (options.target !== undefined && !names.includes(options.target)) {
    fail(`no target ${String(options.target)}; there are ${names.join(', ')}`);
  }
  console.log(`seed ${options.seed}`);
  const startMs = performance.now();
  const totals = new Map();
  let findings = 0;
  const current = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL(import.meta.url), { workerData: { ...options, current } });

  let before = -1;
  let sinceMs = performance.now();
  const watch = setInterval(() => {
    const now = Atomics.load(current, 0) * 2 ** 31 + Atomics.load(current, 1);
    if (now !== before) sinceMs = performance.now();
    before = now;
    if (performance.now() - sinceMs < HANG_MS) return;
    fail(`HANG: an input does not end. Again: ${place(names, current, options.seed)}`);
  }, 500);

  worker.on('message', ({ target, runs, accepted, elapsedMs, ...report }) => {
    const total = totals.get(target) ?? { runs: 0, accepted: 0, elapsedMs: 0 };
    total.runs += runs;
    total.accepted += accepted;
    total.elapsedMs += elapsedMs;
    totals.set(target, total);
    findings += report.findings.length;
    for (const { index, why, input } of report.findings) {
      console.log(`FINDING ${target}: ${why}\n  input ${input}`);
      console.log(
        `  again: npm run fuzz -- --seed ${options.seed} --target ${target} --only ${index}`,
      );
    }
    console.log(`${target}: ${total.runs} inputs, ${Math.round(total.elapsedMs / 1000)} s`);
  });
  await new Promise((resolve) => {
    worker.on('error', (error) => fail(`the fuzzer itself failed: ${error.stack}`));
    worker.on('exit', resolve);
  });
  clearInterval(watch);

  let runs = 0;
  console.log('\ntarget            inputs  accepted   µs each');
  for (const [name, total] of totals) {
    runs += total.runs;
    const each = (1000 * total.elapsedMs) / Math.max(total.runs, 1);
    console.log(
      `${name.padEnd(15)} ${String(total.runs).padStart(8)} ${String(total.accepted).padStart(9)} ` +
        each.toFixed(1).padStart(9),
    );
  }
  const planned = options.only === undefined ? options.runs : 1;
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const note = runs < planned ? ` of ${planned} (stopped early)` : '';
  console.log(
    `\n${runs} inputs${note} in ${seconds} s, seed ${options.seed}: ${findings} findings`,
  );
  process.exitCode = findings === 0 ? 0 : 1;
}

await (isMainThread ? main() : work(workerData));
