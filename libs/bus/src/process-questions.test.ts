/** Questions of operators: everybody who is there answers, whoever cannot is passed over. */
import { type NatsServer, startNats } from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { Buses, CONFIG } from './testing/nats-buses.ts';

let server: NatsServer;
let buses: Buses;
beforeAll(async () => {
  server = await startNats({ config: CONFIG });
});
afterAll(() => server.stop());
beforeEach(() => {
  buses = new Buses();
});
afterEach(() => buses.close());

const QUICK = { quietMs: 200, timeoutMs: 20_000 };
const bytes = (text: string): Uint8Array => Buffer.from(text);

async function asked(...options: [question: string, quick?: object]): Promise<string[]> {
  const asker = await buses.connect([server]);
  const answers = await asker.askAll(bytes(options[0]), options[1] ?? QUICK);
  return answers.map((each) => Buffer.from(each).toString()).toSorted();
}

it('are answered by every process, with whatever it says', async () => {
  for (const name of ['a', 'b', 'c']) {
    const bus = await buses.connect([server]);
    bus.answer(async (question) => bytes(`${name}: ${Buffer.from(question).toString()}`));
  }
  expect(await asked('who?')).toEqual(['a: who?', 'b: who?', 'c: who?']);
  const large = 'x'.repeat(500_000);
  expect(await asked(large)).toEqual(['a', 'b', 'c'].map((name) => `${name}: ${large}`));
});

it('find nobody at once where nobody answers, any more or yet', async () => {
  expect(await asked('who?', { timeoutMs: 60_000 })).toEqual([]);
  const bus = await buses.connect([server]);
  const stop = bus.answer(async () => bytes('here'));
  expect(await asked('who?')).toEqual(['here']);
  stop();
  await bus.ping(5_000);
  expect(await asked('who?', { timeoutMs: 60_000 })).toEqual([]);
});

it('do without whoever fails, is slow, or has too much to answer', async () => {
  const failures: unknown[] = [];
  const failing = await buses.connect([server], { failed: (error) => failures.push(error) });
  failing.answer(() => Promise.reject(new Error('a bug')));
  const slow = await buses.connect([server]);
  let taken = 0;
  slow.answer(() => {
    taken += 1;
    return new Promise(() => {});
  });
  const good = await buses.connect([server]);
  good.answer(async () => bytes('here'));
  const asker = await buses.connect([server]);
  for (const together of [8, 2]) {
    const questions = Array.from({ length: together }, () => asker.askAll(bytes('?'), QUICK));
    for (const answers of await Promise.all(questions)) expect(answers).toHaveLength(1);
    expect(taken).toBe(8);
  }
  expect(failures.length).toBeGreaterThan(0);
});
