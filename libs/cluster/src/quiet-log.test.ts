/** A server that is gone for an hour must not fill the log, and must not be forgotten either. */
import { silentLogger } from '@mosaic-cluster/runtime';
import { expect, it } from 'vitest';
import { quietWarnings } from './quiet-log.ts';

it('says each sentence once, and again after a while', () => {
  const said: string[] = [];
  let now = 0;
  const warn = quietWarnings(
    () => ({ ...silentLogger, warn: (message) => void said.push(message) }),
    () => now,
  );
  for (const sentence of ['gone', 'gone', 'full', 'gone']) warn(sentence);
  expect(said).toEqual(['gone', 'full']);
  now = 29_999;
  warn('gone');
  expect(said).toHaveLength(2);
  now = 30_000;
  warn('gone');
  expect(said).toEqual(['gone', 'full', 'gone']);
});

it('takes a sentence for the same whose request has another number', () => {
  const said: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => void said.push(message) };
  const warn = quietWarnings(
    () => log,
    () => 0,
  );
  for (const id of ['9U3LX9BT', 'a+b/c=', 'd-4_2']) warn(`no bucket (status 404, request ${id})`);
  warn('no bucket (status 403, request 9U3LX9BT)');
  expect(said).toHaveLength(2);
  for (const seconds of [19, 20]) warn(`clocks are ${seconds} seconds apart`);
  expect(said).toHaveLength(3);
});

it('remembers a bounded number of sentences', () => {
  const said: string[] = [];
  const warn = quietWarnings(
    () => ({ ...silentLogger, warn: (message) => void said.push(message) }),
    () => 0,
  );
  for (let i = 0; i < 100; i++) warn(`fault ${i}`);
  warn('one more');
  warn('fault 0');
  expect(said).toHaveLength(102);
});
