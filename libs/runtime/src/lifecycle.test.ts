/** Closing must reach everything, in order, whatever hangs or breaks on the way. */
import { describe, expect, it } from 'vitest';

import { Lifecycle, type LifecycleOptions } from './lifecycle.ts';
import { createLogger } from './log.ts';

function lifecycle(options: Partial<LifecycleOptions> = {}): {
  subject: Lifecycle;
  lines: string[];
} {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ service: 'x', format: 'json', sink });
  return { subject: new Lifecycle({ log, ...options }), lines };
}

const hanging = { close: () => new Promise<void>(() => undefined) };

describe('lifecycle', () => {
  it('closes in reverse order, one after the other', async () => {
    const { subject } = lifecycle();
    const events: string[] = [];
    for (const name of ['index', 'bus', 'listener']) {
      const resource = {
        close: async () => {
          events.push(`${name} closes`);
          await Promise.resolve();
          events.push(`${name} closed`);
        },
      };
      expect(subject.add(name, resource)).toBe(resource);
    }
    await expect(subject.close()).resolves.toBe(true);
    expect(events).toEqual([
      'listener closes',
      'listener closed',
      'bus closes',
      'bus closed',
      'index closes',
      'index closed',
    ]);
    await expect(subject.close()).resolves.toBe(true);
    expect(events).toHaveLength(6);
  });

  it('goes on past what hangs or throws, names it, and is not clean', async () => {
    const { subject, lines } = lifecycle({ closeTimeoutMs: 10 });
    let isClosed = false;
    subject.add('first', { close: () => (isClosed = true) });
    subject.add('redis', hanging);
    subject.add('broken', {
      close: () => {
        throw new Error('disk full');
      },
    });
    await expect(subject.close()).resolves.toBe(false);
    expect(isClosed).toBe(true);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('broken did not close');
    expect(lines[0]).toContain('disk full');
    expect(lines[1]).toContain('closing redis took longer than 10 ms');
  });

  it('keeps to the time for all, and still gives each one a chance', async () => {
    const { subject } = lifecycle({ closeTimeoutMs: 60_000, closeAllTimeoutMs: 50 });
    let isClosed = false;
    subject.add('last', { close: async () => (isClosed = true) });
    subject.add('slow', hanging);
    subject.add('slower', hanging);
    await expect(subject.close()).resolves.toBe(false);
    expect(isClosed).toBe(true);
  });

  it('gives a thing the time it asked for', async () => {
    const { subject, lines } = lifecycle();
    subject.add('listener', hanging, 7);
    await subject.close();
    expect(lines[0]).toContain('longer than 7 ms');
  });

  it('closes, and refuses, what comes up while it stops', async () => {
    const { subject } = lifecycle();
    subject.stop({ exitCode: 0, because: 'the test says so' });
    let isClosed = false;
    const late = { close: () => (isClosed = true) };
    expect(() => subject.add('late', late)).toThrow('late came up while the process stops');
    await subject.close();
    expect(isClosed).toBe(true);
  });

  it('stops for the first reason, and remembers any failure', async () => {
    const { subject } = lifecycle();
    expect(subject.signal.aborted).toBe(false);
    subject.stop({ exitCode: 0, because: 'first' });
    subject.stop({ exitCode: 1, because: 'second' });
    subject.stop({ exitCode: 0, because: 'third' });
    await expect(subject.stopped).resolves.toEqual({ exitCode: 0, because: 'first' });
    expect(subject.exitCode).toBe(1);
    expect(subject.signal.aborted).toBe(true);
  });
});
