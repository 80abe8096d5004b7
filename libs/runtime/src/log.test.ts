/** Lines must be what log collectors expect, and harmless at a terminal. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { createLogger, type LogOptions } from './log.ts';
import type { Logger } from './logger.ts';
import { Secret } from './secret.ts';

function capture(options: Partial<LogOptions> = {}): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line) };
  return { log: createLogger({ service: 'gateway', format: 'json', sink, ...options }), lines };
}

function parsed(line: string | undefined): Record<string, unknown> {
  return JSON.parse(line ?? '') as Record<string, unknown>;
}

describe('JSON lines', () => {
  it('carry time, level, service, fields and message', () => {
    const { log, lines } = capture();
    log.info('record accepted', { key: 'abcd', count: 3 });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/\n$/);
    const { time, ...rest } = parsed(lines[0]);
    expect(Math.abs(Date.parse(String(time)) - Date.now())).toBeLessThan(60_000);
    expect(rest).toEqual({
      level: 'info',
      service: 'gateway',
      key: 'abcd',
      count: 3,
      message: 'record accepted',
    });
  });

  it('appear from the configured level up', () => {
    const { log, lines } = capture({ level: 'warn' });
    for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) {
      log[level](level);
      expect(log.isEnabled(level)).toBe(['warn', 'error', 'fatal'].includes(level));
    }
    expect(lines.map((line) => parsed(line)['level'])).toEqual(['warn', 'error', 'fatal']);
    const silent = capture({ level: 'silent' });
    silent.log.fatal('x');
    expect(silent.lines).toEqual([]);
  });

  it('of a child carry its fields, safely', () => {
    const { log, lines } = capture();
    const child = log.child({ connection: 7, token: new Secret('hunter2') });
    child.child({ query: 1 }).warn('slow', { body: new Uint8Array(9) });
    expect(parsed(lines[0])).toMatchObject({
      connection: 7,
      token: '[redacted]',
      query: 1,
      body: '<9 bytes>',
    });
  });

  it('carry errors, wherever they stand', () => {
    const { log, lines } = capture();
    log.error('failed', { error: new Error('why'), err: new Error('too') });
    expect(parsed(lines[0])).toMatchObject({ error: { message: 'why' }, err: { message: 'too' } });
  });

  it('never hold a name twice', () => {
    const { log, lines } = capture();
    log.info('real', { message: 'a', level: 'b', time: 'c', service: 'd' });
    expect(parsed(lines[0])).toMatchObject({ message: 'real', message_: 'a', level_: 'b' });
    expect(lines[0]?.match(/"level"/g)).toHaveLength(1);
  });

  it('stay one line whatever a stranger sends', () => {
    const { log, lines } = capture();
    log.info('a\nb', { text: 'x\r\n{"level":"fatal"}' });
    expect(lines[0]?.trimEnd()).not.toMatch(/[\r\n]/);
  });
});

describe('pretty lines', () => {
  it('show control characters instead of obeying them', () => {
    const { log, lines } = capture({ format: 'pretty' });
    log.info('red \u001b[31m back\r\b c1 \u009b plain \\u001b', { text: '\u001b]0;title\u0007' });
    // oxlint-disable-next-line no-control-regex -- these are what must not get through
    expect(lines.join('')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(lines[0]).toContain('INFO: red \\u001b[31m back\\r\\b c1 \\u009b plain \\u001b');
  });
});

describe('a process that ends', () => {
  const log = fileURLToPath(new URL('../dist/log.js', import.meta.url));

  it('has written every line when it exits at once', () => {
    const code = `
      const { createLogger } = await import(${JSON.stringify(log)});
      const log = createLogger({ service: 'x' });
      for (let index = 0; index < 5000; index += 1) log.info('line', { index });
      process.exit(3);`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
      maxBuffer: 2 ** 26,
    });
    expect(child.stderr.toString()).toBe('');
    expect(child.status).toBe(3);
    const lines = child.stdout.toString().trimEnd().split('\n');
    expect(lines).toHaveLength(5000);
    expect(parsed(lines.at(-1))).toMatchObject({ index: 4999 });
  });

  it('survives that nobody reads its output', async () => {
    const code = `
      const { createLogger } = await import(${JSON.stringify(log)});
      const log = createLogger({ service: 'x' });
      process.stdin.resume().on('end', () => {
        for (let index = 0; index < 100; index += 1) log.info('line'.repeat(1000));
        setImmediate(() => { console.error('alive'); process.exit(5); });
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
    const errors = text(child.stderr);
    child.stdout.destroy();
    await once(child.stdout, 'close');
    child.stdin.end();
    const [exitCode] = await once(child, 'exit');
    expect(await errors).toBe('alive\n');
    expect(exitCode).toBe(5);
  });
});
