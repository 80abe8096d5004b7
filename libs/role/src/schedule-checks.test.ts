/** Whose key schedule is checked when, while somebody sends many long ones. */
import { expect, it } from 'vitest';
import { ScheduleChecks } from './schedule-checks.ts';

function track(): { readonly done: string[]; add: (name: string, bytes: number) => Promise<void> } {
  const checks = new ScheduleChecks();
  const done: string[] = [];
  return { done, add: (name, bytes) => checks.add(bytes, () => void done.push(name)) };
}

it('lets a short schedule wait for few long ones, whenever it comes', async () => {
  const { done, add } = track();
  const long = Array.from({ length: 50 }, (_, n) => add(`long ${n}`, 128 * 152));
  await long[0];
  await add('short', 152);
  expect(done.length).toBeLessThan(5);
  await Promise.all(long);
  expect(done).toHaveLength(51);
});

it('comes to long ones too while short ones keep coming, in the order in which those came', async () => {
  const { done, add } = track();
  const all = [add('long 1', 2_000), add('long 2', 2_000)];
  for (let n = 0; n < 40; n++) all.push(add('short', 1));
  await Promise.all(all);
  const long = done.flatMap((name, at) => (name === 'short' ? [] : [at]));
  expect(Math.max(...long)).toBeLessThan(8);
  expect(done.filter((name) => name !== 'short')).toEqual(['long 1', 'long 2']);
});

it('tells each what its own check throws, and goes on', async () => {
  const checks = new ScheduleChecks();
  const broken = checks.add(1, () => {
    throw new Error('broken');
  });
  const whole = checks.add(1, () => {});
  await expect(broken).rejects.toThrow('broken');
  await whole;
});
