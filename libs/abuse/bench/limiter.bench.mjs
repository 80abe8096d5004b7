/**
 * The limiter: what a charge costs the process that decides, beside a call that does nothing; and what
 * sharing costs Redis, beside asking it for every event. Figures of the server go to stderr.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createMemoryLimiter, openRedisLimiter, parseBudgets } from '@mosaic-cluster/abuse';
import { openRedis } from '@mosaic-cluster/store';
import { startRedis } from '@mosaic-cluster/test-servers';
import { TELL } from '../dist/limiter-redis-scripts.js';

const CALLS = 1_000;
const SUBJECTS = 10_000;
/** Large enough that nothing is refused. */
const PLENTY = parseBudgets('messages.*.*=1M/s:1M bytes.*.*=1GiB/s:1GiB');
const LITTLE = parseBudgets('messages.*.*=1/h:1');

const addressOf = (n) => `a:198.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
const keyOf = (n) => `k:${n.toString(16).padStart(64, '0')}`;

/** What a message of an authenticated client is charged: two subjects, two budgets. */
function messageOf(n) {
  return [keyOf(n), addressOf(n)].flatMap((subject) =>
    [
      ['messages', 1],
      ['bytes', 400],
    ].map(([budget, amount]) => ({ subject, budget, standing: 'authenticated', amount })),
  );
}

/** Repeats a charge, each time of another visitor. */
function repeated(limiter, messages) {
  let at = 0;
  return () => {
    let refused = 0;
    for (let n = 0; n < CALLS; n++) {
      if (limiter.charge(messages[at]) !== undefined) refused += 1;
      at = (at + 1) % messages.length;
    }
    return refused;
  };
}

async function prepareCharges() {
  const server = await startRedis();
  const connection = await openRedis({ urls: [server.url] });
  const shared = await openRedisLimiter({ connection, budgets: PLENTY });
  const messages = Array.from({ length: SUBJECTS }, (_, n) => messageOf(n));
  const empty = { charge: () => undefined };
  const one = [messages[0]];
  return {
    cases: [
      { name: 'a call that does nothing', ops: CALLS, run: repeated(empty, messages) },
      {
        name: '4 buckets, one visitor',
        ops: CALLS,
        run: repeated(createMemoryLimiter({ budgets: PLENTY }), one),
        aim: { perSecond: 1e6 },
      },
      {
        name: `4 buckets, ${SUBJECTS} visitors in turn`,
        ops: CALLS,
        run: repeated(createMemoryLimiter({ budgets: PLENTY }), messages),
      },
      { name: 'the same, shared over Redis', ops: CALLS, run: repeated(shared, messages) },
      {
        name: 'refused',
        ops: CALLS,
        run: repeated(createMemoryLimiter({ budgets: LITTLE }), one),
      },
    ],
    close: async () => {
      await shared.close();
      await connection.close();
      await server.stop();
    },
  };
}

async function figuresOf(server) {
  const number = (text, name) => Number(new RegExp(`${name}:([0-9.]+)`).exec(text)[1]);
  const memory = await server.command('INFO memory', 'mem_fragmentation_bytes');
  const cpu = await server.command('INFO cpu', 'used_cpu_user_children');
  const seconds = number(cpu, 'used_cpu_sys') + number(cpu, 'used_cpu_user');
  return { bytes: number(memory, 'used_memory'), cpuMicros: seconds * 1e6 };
}

/** What an operation takes of the server. */
async function costOf(server, operation) {
  const before = await figuresOf(server);
  const count = await operation();
  const after = await figuresOf(server);
  return {
    bytes: (after.bytes - before.bytes) / count,
    cpuMicros: (after.cpuMicros - before.cpuMicros) / count,
    count,
  };
}

/** Bytes of Redis for a subject, beside the plainest key that expires. */
async function reportMemory(server, connection, limiter) {
  const count = 20_000;
  const script = `for n = 1, ${count} do redis.call('SET', 'mosaic:plain:198.51.' .. n, '1', 'PX', 600000) end return 1`;
  const plain = await costOf(server, async () => {
    await server.command(`EVAL "${script}" 0`);
    return count;
  });
  const subject = await costOf(server, async () => {
    for (let n = 0; n < count; n++) limiter.charge(messageOf(n).slice(2));
    // Asking for a subject tells of all in its shard first.
    for (let n = 0; n < 64; n++) await limiter.report(addressOf(n), 'authenticated');
    return count;
  });
  const ratio = (subject.bytes / plain.bytes).toFixed(1);
  console.error(
    `  memory: ${subject.bytes.toFixed(0)} bytes of Redis a subject with two budgets in use, ` +
      `${ratio} times those of a plain key that expires (${plain.bytes.toFixed(0)})`,
  );
}

/** Processor time of Redis for 1,000 events: told in batches, asked one by one, refused. */
async function reportCpu(server, connection, limiter) {
  const key = Buffer.from(`${connection.keyPrefix}{bench}`);
  const asked = await costOf(server, async () => {
    const args = (n) => ['bench-one', 15e6, 180e6, 10e6, addressOf(n), 1, 0, 1_000, '', 0];
    for (let n = 0; n < 200; n++) {
      const calls = Array.from({ length: 100 }, (_, k) => ({
        script: TELL,
        key,
        args: args((n * 100 + k) % 1_000),
      }));
      await connection.run(calls);
    }
    return 20_000;
  });
  const told = await costOf(server, () => chargeFor(2_000, limiter, 1_000));
  const single = await costOf(server, () => chargeFor(1_000, limiter, 1));
  const poor = await openRedisLimiter({ connection, name: 'poor', budgets: LITTLE });
  const refused = await costOf(server, () => chargeFor(1_000, poor, 1));
  await poor.close();
  const say = (what, { cpuMicros, count }) => {
    const part = (cpuMicros / asked.cpuMicros).toPrecision(2);
    console.error(
      `  ${what}: ${(cpuMicros * 1_000).toPrecision(3)} µs of Redis per 1,000 events, ` +
        `${part} of asking for each (${count} events)`,
    );
  };
  say('asked for each', asked);
  say('1,000 visitors, told', told);
  say('one visitor, told', single);
  say('one visitor, refused', refused);
}

/** Charges visitors in turn for a time. @returns how many charges */
async function chargeFor(ms, limiter, visitors) {
  const messages = Array.from({ length: visitors }, (_, n) => messageOf(1e6 + n).slice(2));
  const end = performance.now() + ms;
  let count = 0;
  while (performance.now() < end) {
    for (let n = 0; n < 100; n++) limiter.charge(messages[count++ % visitors]);
    await turn();
  }
  await limiter.report(messages[0][0].subject, 'authenticated');
  return count;
}

/** Bytes of this process for a subject. */
function reportHeap() {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const names = Array.from({ length: 100_000 }, (_, n) => addressOf(n));
  const limiter = createMemoryLimiter({ budgets: PLENTY });
  collect();
  const before = process.memoryUsage().heapUsed;
  for (const subject of names) {
    limiter.charge([{ subject, budget: 'messages', standing: 'anonymous', amount: 1 }]);
  }
  collect();
  const each = (process.memoryUsage().heapUsed - before) / names.length;
  // It must still be in use here, or there is nothing to measure.
  limiter.noteRefusal(names[0], 'messages');
  console.error(`  memory: ${each.toFixed(0)} bytes of this process a subject, its name apart`);
}

async function prepareShared() {
  const server = await startRedis();
  const connection = await openRedis({ urls: [server.url] });
  const limiter = await openRedisLimiter({ connection, budgets: PLENTY });
  reportHeap();
  await reportMemory(server, connection, limiter);
  await reportCpu(server, connection, limiter);
  const messages = Array.from({ length: 256 }, (_, n) => messageOf(n).slice(2));
  const key = Buffer.from(`${connection.keyPrefix}{bench}`);
  const head = ['bench-one', 15e6, 180e6, 10e6];
  const one = ([{ subject }]) => [subject, 2, 0, 1_000, 1, 400, '', 0];
  const call = (some) => ({ script: TELL, key, args: [...head, ...some.flatMap(one)] });
  return {
    cases: [
      {
        name: 'told of one subject a call',
        ops: 1,
        run: async () => (await connection.run([call([messages[0]])])).length,
      },
      {
        name: 'told of 256 subjects a call',
        ops: 256,
        run: async () => (await connection.run([call(messages)])).length,
      },
    ],
    close: async () => {
      await limiter.close();
      await connection.close();
      await server.stop();
    },
  };
}

/** The tables of this file. */
export function tables() {
  return [
    { title: 'Limiter: charges', unit: 'charge', prepare: prepareCharges },
    { title: 'Limiter: shared over Redis', unit: 'subject', prepare: prepareShared },
  ];
}
