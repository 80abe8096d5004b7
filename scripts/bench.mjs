// Measures the hot paths and compares them with each other and with yardsticks, in one run:
// `npm run bench -- --help`. Build first.
//
// A table's cases take turns: each round gives every case one sample, in rotating order, and
// ratios are taken within a round, so that a machine that slows down meanwhile slows all of them.
import { readdirSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `usage: npm run bench -- [options]
  --quick         fewer and shorter rounds: for a look, not for a decision
  --json          print the results as JSON
  --only TEXT     only tables whose title contains TEXT
`;
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FULL = { rounds: 21, sampleMs: 60, warmUpMs: 400 };
const QUICK = { rounds: 5, sampleMs: 20, warmUpMs: 80 };

/** What the measured code returns is added up here, so that no engine can leave it out. */
let sink = 0;

/**
 * Repeats a case for at least `ms` milliseconds: how many times it ran, how long that took, and the
 * milliseconds of processor time that all threads of this process spent on it.
 */
async function sample({ run }, ms) {
  const cpuStart = process.cpuUsage();
  const start = performance.now();
  let calls = 0;
  let elapsed = 0;
  do {
    const result = run();
    sink += result instanceof Promise ? await result : result;
    calls += 1;
    elapsed = performance.now() - start;
  } while (elapsed < ms);
  const { user, system } = process.cpuUsage(cpuStart);
  return { calls, elapsed, cpu: (user + system) / 1000 };
}

/** The value below which a share of the sorted values lies. */
function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at - Math.floor(at));
}

/** Measures a table: `cases` are [{name, ops, run}]; the first is what the others are compared to. */
async function measure(table, { rounds, sampleMs, warmUpMs }) {
  const { cases } = table;
  for (const each of cases) await sample(each, warmUpMs);
  const rates = cases.map(() => []);
  const cpuMicros = cases.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < cases.length; i++) {
      const index = (i + round) % cases.length;
      const { calls, elapsed, cpu } = await sample(cases[index], sampleMs);
      const operations = calls * cases[index].ops;
      rates[index].push((operations * 1000) / elapsed);
      cpuMicros[index].push((cpu * 1000) / operations);
    }
  }
  const results = cases.map(({ name, aim }, i) => {
    const ratio = quantile(
      rates[i].map((rate, round) => rate / rates[0][round]),
      0.5,
    );
    const perSecond = quantile(rates[i], 0.5);
    const spread = (quantile(rates[i], 0.75) - quantile(rates[i], 0.25)) / perSecond;
    const reached = aim && (aim.ratio ?? 0) <= ratio && (aim.perSecond ?? 0) <= perSecond;
    const cpuMicrosEach = quantile(cpuMicros[i], 0.5);
    return { name, perSecond, spread, cpuMicrosEach, ratio, ...(aim && { aim, reached }) };
  });
  return { title: table.title, unit: table.unit, results };
}

function formatRate(perSecond) {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M`;
  if (perSecond >= 1e4) return `${(perSecond / 1e3).toFixed(1)} k`;
  return perSecond.toFixed(0);
}

function formatMicros(micros) {
  if (micros >= 1000) return `${(micros / 1000).toFixed(2)} ms`;
  return micros >= 1 ? `${micros.toFixed(1)} µs` : `${(micros * 1000).toFixed(0)} ns`;
}

function formatAim({ aim, reached }) {
  if (aim === undefined) return '';
  const what = aim.ratio === undefined ? `${formatRate(aim.perSecond)}/s` : `ratio ${aim.ratio}`;
  return `aim ${what}: ${reached ? 'reached' : 'MISSED'}`;
}

function print({ title, unit, results }) {
  const width = Math.max(...results.map(({ name }) => name.length));
  console.log(`\n${title}`);
  const head = ['per second'.padStart(11), 'spread'.padStart(7), 'CPU each'.padStart(9)];
  console.log(`  ${unit.padEnd(width)} ${head.join(' ')} ${'ratio'.padStart(7)}`);
  for (const result of results) {
    const { name, perSecond, spread, cpuMicrosEach, ratio } = result;
    const cells = [
      formatRate(perSecond).padStart(11),
      `${(spread * 100).toFixed(0)} %`.padStart(7),
      formatMicros(cpuMicrosEach).padStart(9),
      ratio.toFixed(2).padStart(7),
    ];
    console.log(`  ${name.padEnd(width)} ${cells.join(' ')}  ${formatAim(result)}`.trimEnd());
  }
}

/** The bench files of all packages; each exports `tables()`, which may be asynchronous. */
function benchFiles() {
  const folder = join(ROOT, 'libs');
  return readdirSync(folder).flatMap((name) => {
    try {
      const files = readdirSync(join(folder, name, 'bench')).sort();
      return files
        .filter((file) => file.endsWith('.bench.mjs'))
        .map((file) => join(folder, name, 'bench', file));
    } catch (error) {
      if (error.code === 'ENOENT') return [];
      throw error;
    }
  });
}

async function load(path) {
  try {
    return await import(pathToFileURL(path));
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error(`${path} does not load; build the packages first: npm run build`, {
      cause: error,
    });
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean' },
      json: { type: 'boolean' },
      only: { type: 'string', default: '' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const effort = values.quick ? QUICK : FULL;
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    node: process.version,
    openssl: process.versions.openssl,
  };
  if (!values.json) {
    const { cpu, cores, node, openssl } = machine;
    console.log(`${cpu}, ${cores} cores; Node ${node}, OpenSSL ${openssl}`);
    console.log(`Medians of ${effort.rounds} rounds; spread: between the quartiles.`);
    console.log("CPU: of all threads. Ratios: of speed, to a table's first line, round by round.");
  }
  const all = [];
  for (const path of benchFiles()) {
    const bench = await load(path);
    for (const table of await bench.tables()) {
      if (!table.title.toLowerCase().includes(values.only.toLowerCase())) continue;
      const prepared = await table.prepare();
      try {
        const result = await measure({ ...table, cases: prepared.cases }, effort);
        all.push(result);
        if (!values.json) print(result);
      } finally {
        await prepared.close?.();
      }
    }
  }
  if (values.json) console.log(JSON.stringify({ machine, ...effort, tables: all }, null, 2));
  if (sink === Number.POSITIVE_INFINITY) console.error('the results add up to infinity');
}

await main();
