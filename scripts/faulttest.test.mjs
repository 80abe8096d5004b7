// The fault test in short; `npm run faulttest` has all of it. Needs a build.
import { expect, it } from 'vitest';
import { faultTest } from './faulttest.mjs';

it('keeps its promises when workers are killed and Redis is emptied', {
  timeout: 300_000,
}, async () => {
  const lines = [];
  const result = await faultTest({
    scenarios: ['brief'],
    rounds: 2,
    rate: 40,
    seed: 11,
    gateways: 2,
    workers: 2,
    keep: false,
    say: (line) => lines.push(line),
  });
  expect(result, lines.join('\n')).toEqual({ passed: 1, failed: 0 });
});
