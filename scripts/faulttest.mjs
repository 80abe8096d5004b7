// Breaks a cluster on this machine while records pour in, and holds it to what it promised:
//
//   npm run faulttest [-- SCENARIO… --rounds 50 --rate 200 --seed N --gateways 2 --workers 2 --keep]
//   npm run faulttest -- upgrade --from REVISION
//
// Scenarios: kill, roll, flush, servers (these four where none is named), compact, upgrade.
//
// A publisher and a subscriber on every gateway use the SDK as anybody would, with its own
// patience, public and private records mixed. Afterwards every acknowledged record must be served
// by every gateway, byte for byte; every subscriber must have received every one of them once; and
// no submission may have failed in a way that the SDK did not mend by itself.
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { hexDecode } from '../libs/protocol/dist/index.js';
import { startLocalCluster } from '../deploy/local-cluster/dist/index.js';
import { FaultLoad } from './faults/load.mjs';
import { buildRevision } from './faults/revision.mjs';
import { SCENARIOS, untilAllReady } from './faults/scenarios.mjs';
import { helpOf } from './help.mjs';
import { randomFrom, recordMaker } from './random-records.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const PRIVATE_SHARE = 0.25;
/** Before the first fault and after the last one. */
const QUIET_MS = 2_000;
const LOUD_LEVELS = new Set(['error', 'fatal']);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Runs scenarios, each on a cluster of its own.
 *
 * @returns `{passed, failed}`: one check per scenario
 */
export async function faultTest(options) {
  const { scenarios, say } = options;
  let failed = 0;
  for (const name of scenarios) {
    say(`${name}: ${SCENARIOS[name].what}`);
    const problems = await runScenario(name, options).catch((error) => [error.stack]);
    for (const problem of problems.slice(0, 5)) say(`  ${problem}`);
    if (problems.length > 0) failed += 1;
    say(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${name}`);
  }
  return { passed: scenarios.length - failed, failed };
}

async function runScenario(name, options) {
  const { from, say } = options;
  if (!SCENARIOS[name].isFromRevision) return runOn({}, name, options);
  const before = await buildRevision(from, say);
  try {
    const present = { name: 'this revision', folder: ROOT };
    return await runOn({ before, present }, name, options);
  } finally {
    await before.remove();
  }
}

/** @param checkouts `before` is what the cluster begins with; none: this one */
async function runOn(checkouts, name, options) {
  const { rounds, rate, seed, gateways, workers, keep, say } = options;
  const random = randomFrom(seed);
  const checkout = checkouts.before?.folder;
  const dataDir = mkdtempSync(join(tmpdir(), 'mosaic-faults-'));
  const report = ({ from, level, message }) => {
    if (LOUD_LEVELS.has(level)) say(`    ${from}: ${message}`);
  };
  const cluster = await startLocalCluster({ dataDir, gateways, workers, checkout, report });
  const load = new FaultLoad({
    gateways: cluster.gateways.map(({ name: gateway, facts }) => ({
      name: gateway,
      url: facts.mtlsUrl,
      serverKey: hexDecode(facts.serverKeyHex),
    })),
    make: await recordMaker(random, PRIVATE_SHARE),
    ratePerSecond: rate,
  });
  try {
    await load.start();
    await pause(QUIET_MS);
    await SCENARIOS[name].run({ cluster, load, random, rounds, checkouts, say });
    await pause(QUIET_MS);
    await load.finish();
    await untilAllReady(cluster);
    await load.compare();
    const { acknowledged, interruptions, problems } = load;
    say(
      `  ${acknowledged.size} records acknowledged; subscribers were interrupted ${interruptions} times`,
    );
    return problems;
  } finally {
    await load.close();
    await cluster.close();
    if (keep) say(`  the data is in ${dataDir}`);
    else rmSync(dataDir, { recursive: true, force: true });
  }
}

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '50' },
      rate: { type: 'string', default: '200' },
      from: { type: 'string' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
      gateways: { type: 'string', default: '2' },
      workers: { type: 'string', default: '2' },
      keep: { type: 'boolean', default: false },
    },
  });
  const wrong = positionals.find((name) => !Object.hasOwn(SCENARIOS, name));
  if (wrong !== undefined) {
    throw new Error(`there is no scenario "${wrong}": take ${Object.keys(SCENARIOS).join(', ')}`);
  }
  if (positionals.some((name) => SCENARIOS[name].isFromRevision) && values.from === undefined) {
    throw new Error('say from which revision: --from v0.1.0, or any other name that git knows');
  }
  const numberOf = (name) => {
    const number = Number(values[name]);
    if (Number.isSafeInteger(number) && number >= 1) return number;
    throw new Error(`--${name} must be a whole number from 1, not ${values[name]}`);
  };
  return {
    scenarios: positionals.length > 0 ? positionals : ['kill', 'roll', 'flush', 'servers'],
    rounds: numberOf('rounds'),
    rate: numberOf('rate'),
    from: values.from,
    seed: numberOf('seed'),
    gateways: numberOf('gateways'),
    workers: numberOf('workers'),
    keep: values.keep,
  };
}

async function main() {
  helpOf(import.meta.url);
  const options = readOptions();
  console.log(`fault test: ${options.scenarios.join(', ')}; seed ${options.seed}`);
  const { passed, failed } = await faultTest({ ...options, say: console.log });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
