/** What a person reads who follows a cluster: who said it, how bad it is, nothing that a terminal obeys. */
import { expect, it } from 'vitest';
import { jsonReport, prettyReport, readLine, type Report } from './report.ts';

function printed(make: (write: (text: string) => void) => Report, from: string, text: string) {
  let output = '';
  make((line) => {
    output += line;
  })(readLine(from, text));
  return output;
}

const line = JSON.stringify({
  level: 'warn',
  time: '2026-01-01T00:00:00.000Z',
  service: 'outbox',
  message: 'lost NATS',
  error: { message: 'refused', stack: 'at x' },
  took: '2s',
});

it('shows who, how bad, what and the details, without time and stack of the origin', () => {
  const text = printed((write) => prettyReport(write, false), 'outbox-1', line);
  expect(text).toMatch(/^\d\d:\d\d:\d\d outbox-1 {5}warn: lost NATS error="refused" took=2s\n$/);
});

it('paints nothing where there are no colours', () => {
  const plain = printed((write) => prettyReport(write, false), 'a', line);
  const painted = printed((write) => prettyReport(write, true), 'a', line);
  expect(plain).not.toContain('\u001b');
  expect(painted).toContain('\u001b[33m');
});

it('takes what is no log line as it is, harmless for a terminal', () => {
  const text = printed((write) => prettyReport(write, false), 'a', 'Segmentation \u001b[31mfault');
  expect(text).toContain('Segmentation \\u001b[31mfault');
});

it('gives programs a line of JSON with the name of the process', () => {
  const text = printed(jsonReport, 'outbox-1', line);
  expect(JSON.parse(text)).toEqual({
    level: 'warn',
    process: 'outbox-1',
    message: 'lost NATS',
    error: { message: 'refused', stack: 'at x' },
    took: '2s',
  });
});
