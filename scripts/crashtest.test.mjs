// The crash test in short; `npm run crashtest` has fifty rounds. Needs a build.
import { expect, it } from 'vitest';
import { crashTest } from './crashtest.mjs';

it('keeps every acknowledged record through kill -9', { timeout: 180_000 }, async () => {
  const lines = [];
  const result = await crashTest({
    rounds: 3,
    seed: 7,
    records: 500,
    // How fast it starts is for the command to say: here other tests run at the same time.
    startMsMax: 60_000,
    say: (line) => lines.push(line),
  });
  expect(result, lines.join('\n')).toMatchObject({ passed: 4, failed: 0 });
  expect(result.acknowledged).toBeGreaterThan(500);
});
