// Kills the server at random moments while records pour in, and reads every acknowledged one back:
//
//   npm run crashtest [-- --rounds 50 --seed N --records M --in-flight N --start-ms 2000 --keep]
//
// Every round starts the server on the folder that the last one left (it must serve within
// --start-ms), checks records that earlier rounds were promised, and kills it with SIGKILL while
// several connections submit. At the end all of them are compared, byte for byte. With --records M
// it then submits M more without a crash and reads these back as well.
//
// A killed process leaves what it has written to the operating system: this shows that nothing is
// acknowledged too early and that every start mends what it finds. That commits are flushed to the
// disk as well is for the tests of the segment log.
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { equalBytes, hexDecode, hexEncode } from '../libs/protocol/dist/index.js';
import { CrashTestClient } from './crashtest-client.mjs';
import { CrashTestServer } from './crashtest-server.mjs';
import { helpOf } from './help.mjs';
import { randomFrom, recordMaker } from './random-records.mjs';

const CONNECTIONS = 4;
const GET_IDS = 500;
/** Longest time from the first submission of a round to its end. */
const ROUND_MS_MAX = 1200;

/** Submits on one connection, `inFlight` at a time, until the connection ends or `next` has no more. */
async function pour(client, next, inFlight, acknowledged) {
  let failure;
  const lane = async () => {
    while (client.isOpen && failure === undefined) {
      const record = next();
      if (record === undefined) return;
      const result = await client.submit(record);
      if (result === undefined) return;
      if (result === 'ACCEPTED' || result === 'DUPLICATE') {
        acknowledged.set(hexEncode(record.subarray(0, 48)), record);
      } else if (result !== 'TOO_FAST') {
        failure = `a submission was answered ${result}`;
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return failure;
}

/** Reads records back by ID. Returns what is wrong, a sentence each, a few at most. */
async function compare(url, expected) {
  const client = await CrashTestClient.connect(url);
  const wrong = [];
  try {
    for (let at = 0; at < expected.length && wrong.length < 5; at += GET_IDS) {
      const some = expected.slice(at, at + GET_IDS);
      const found = await client.get(some.map(([id]) => hexDecode(id)));
      for (const [id, record] of some) {
        const stored = found.get(id);
        if (stored === undefined) wrong.push(`${id} is lost`);
        else if (!equalBytes(stored, record)) wrong.push(`${id} has other bytes`);
      }
    }
  } finally {
    client.close();
  }
  return wrong.slice(0, 5);
}

function sample(entries, count, random) {
  if (entries.length <= count) return entries;
  const start = Math.floor(random() * (entries.length - count));
  return entries.slice(start, start + count);
}

/** One round: start, look at what was promised, pour, kill. Returns a sentence where it fails. */
async function round(test) {
  const { dataDir, random, make, acknowledged, inFlight, say } = test;
  test.lastRound = undefined;
  const server = await CrashTestServer.start(dataDir, (line) => say(`    ${line}`));
  test.startMs.push(server.startMs);
  try {
    // The newest are the ones in danger; of the others, some.
    const all = [...acknowledged];
    const checked = [...all.slice(-1500), ...sample(all.slice(0, -1500), 500, random)];
    const wrong = await compare(server.url, checked);
    if (wrong.length > 0) return wrong.join('; ');
    const before = acknowledged.size;
    const clients = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => CrashTestClient.connect(server.url)),
    );
    const killAfterMs = 5 + random() ** 2 * ROUND_MS_MAX;
    const killed = new Promise((resolve) => {
      setTimeout(() => resolve(server.end('SIGKILL')), killAfterMs);
    });
    const failures = await Promise.all(
      clients.map((client) => pour(client, make, inFlight, acknowledged)),
    );
    await killed;
    test.lastRound = { killAfterMs, records: acknowledged.size - before };
    const failure = failures.find((each) => each !== undefined);
    const isSlow = server.startMs > test.startMsMax;
    return failure ?? (isSlow ? `it took longer to start than ${test.startMsMax} ms` : undefined);
  } finally {
    await server.end('SIGKILL');
  }
}

/** Starts once more, compares everything, and pours `records` more without a crash. */
async function finalPass(test, records) {
  const { dataDir, make, acknowledged, inFlight, say } = test;
  const server = await CrashTestServer.start(dataDir, (line) => say(`    ${line}`));
  test.startMs.push(server.startMs);
  try {
    const startedAt = performance.now();
    let left = records;
    const next = () => (left-- > 0 ? make() : undefined);
    if (records > 0) {
      const before = acknowledged.size;
      const clients = await Promise.all(
        Array.from({ length: CONNECTIONS }, () => CrashTestClient.connect(server.url)),
      );
      const failures = await Promise.all(
        clients.map((client) => pour(client, next, inFlight, acknowledged)),
      );
      for (const client of clients) client.close();
      const failure = failures.find((each) => each !== undefined);
      if (failure !== undefined) return failure;
      const taken = acknowledged.size - before;
      if (taken !== records) return `${records} were submitted, ${taken} acknowledged`;
      const seconds = (performance.now() - startedAt) / 1000;
      say(`  ${records} more records in ${seconds.toFixed(1)} s`);
    }
    const wrong = await compare(server.url, [...acknowledged]);
    if (wrong.length > 0) return wrong.join('; ');
    const code = await server.end('SIGTERM');
    return code === 0 ? undefined : `it ended with ${code} after SIGTERM`;
  } finally {
    await server.end('SIGKILL');
  }
}

/**
 * Runs the test.
 *
 * @returns passed and failed checks: one per round and one for the final comparison
 */
export async function crashTest(options) {
  const { rounds, seed, records, startMsMax, inFlight = 64, keep = false, say } = options;
  const random = randomFrom(seed);
  const dataDir = mkdtempSync(join(tmpdir(), 'mosaic-crashtest-'));
  const test = {
    dataDir,
    random,
    make: await recordMaker(random),
    acknowledged: new Map(),
    inFlight,
    startMs: [],
    startMsMax,
    lastRound: undefined,
    say,
  };
  let failed = 0;
  const note = (what, failure) => {
    if (failure !== undefined) failed += 1;
    say(`${failure === undefined ? 'ok  ' : 'FAIL'} ${what}${failure ? `: ${failure}` : ''}`);
  };
  const attempt = (work) => work.catch((error) => error.message);
  try {
    for (let n = 1; n <= rounds; n++) {
      const failure = await attempt(round(test));
      const { killAfterMs = 0, records: taken = 0 } = test.lastRound ?? {};
      const started = `started in ${Math.round(test.startMs.at(-1) ?? 0)} ms`;
      note(
        `round ${n}: ${started}, killed after ${Math.round(killAfterMs)} ms, ${taken} records`,
        failure,
      );
    }
    const failure = await attempt(finalPass(test, records));
    note(`all ${test.acknowledged.size} acknowledged records, byte for byte`, failure);
  } finally {
    if (keep) say(`the data is in ${dataDir}`);
    else rmSync(dataDir, { recursive: true, force: true });
  }
  const startMs = test.startMs.toSorted((a, b) => a - b).map(Math.round);
  return { passed: rounds + 1 - failed, failed, acknowledged: test.acknowledged.size, startMs };
}

async function main() {
  helpOf(import.meta.url);
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '50' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
      records: { type: 'string', default: '0' },
      'in-flight': { type: 'string', default: '64' },
      'start-ms': { type: 'string', default: '2000' },
      keep: { type: 'boolean', default: false },
    },
  });
  const numbers = ['rounds', 'seed', 'records', 'in-flight', 'start-ms'].map((name) => {
    const number = Number(values[name]);
    if (Number.isSafeInteger(number) && number >= 0) return number;
    throw new Error(`--${name} must be a whole number, not ${values[name]}`);
  });
  const [rounds, seed, records, inFlight, startMsMax] = numbers;
  console.log(`crash test: ${rounds} rounds, seed ${seed}`);
  const { keep } = values;
  const say = console.log;
  const result = await crashTest({ rounds, seed, records, inFlight, startMsMax, keep, say });
  const { startMs } = result;
  console.log(
    `started within ${startMs[startMs.length >> 1]} ms (median), ${startMs.at(-1)} ms (slowest)`,
  );
  console.log(`${result.passed} passed, ${result.failed} failed`);
  process.exitCode = result.failed === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
