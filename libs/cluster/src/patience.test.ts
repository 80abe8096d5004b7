/** A start that waits must say so, must not wait for what cannot come, and must end when told. */
import { MosaicError } from '@mosaic-cluster/protocol';
import { type Logger, silentLogger } from '@mosaic-cluster/runtime';
import { expect, it } from 'vitest';
import { type PatienceOptions, withPatience } from './patience.ts';

const away = (why: string): MosaicError => new MosaicError('unavailable', 'away', why);

interface Watched extends PatienceOptions {
  readonly said: string[];
  readonly waited: (string | undefined)[];
}

function watched(options: Partial<PatienceOptions> = {}): Watched {
  const said: string[] = [];
  const waited: (string | undefined)[] = [];
  const say = (message: string): void => void said.push(message);
  const log: Logger = { ...silentLogger, warn: say, info: say };
  return {
    timeoutMs: 5_000,
    signal: new AbortController().signal,
    log,
    waits: (_name, reason) => waited.push(reason),
    random: () => 0,
    ...options,
    said,
    waited,
  };
}

/** Fails with each reason in turn, then opens. */
function failing(...reasons: readonly string[]): () => Promise<string> {
  const left = [...reasons];
  return async () => {
    const reason = left.shift();
    if (reason !== undefined) throw away(reason);
    return 'open';
  };
}

it('says nothing where the first attempt succeeds', async () => {
  const options = watched();
  await expect(withPatience('Redis', failing(), options)).resolves.toBe('open');
  expect(options.said).toEqual([]);
});

it('tries again, names each reason once, and says when it is over', async () => {
  const options = watched();
  await withPatience('Redis', failing('refused', 'refused', 'loading'), options);
  expect(options.said).toEqual([
    'waiting for Redis: refused',
    'waiting for Redis: loading',
    'Redis is there',
  ]);
  expect(options.waited).toEqual(['refused', 'refused', 'loading', undefined]);
});

it('takes reasons for the same where only the number of a request differs', async () => {
  const options = watched();
  await withPatience('S3', failing('no bucket (request A1)', 'no bucket (request B2)'), options);
  expect(options.said).toEqual(['waiting for S3: no bucket (request A1)', 'S3 is there']);
});

it('gives up after the time, naming what, how long and the last reason', async () => {
  const options = watched({ timeoutMs: 300 });
  const opening = withPatience('Redis', () => Promise.reject(away('refused')), options);
  await expect(opening).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'start-timeout',
    message: 'Redis was not there after 300ms (MOSAIC_START_TIMEOUT): refused',
  });
});

it.each([
  ['other settings are needed', new MosaicError('invalid', 'max-payload-too-small', 'too small')],
  ['it is a bug', new TypeError('x is undefined')],
])('does not wait where %s', async (_why, fault) => {
  const options = watched();
  await expect(withPatience('NATS', () => Promise.reject(fault), options)).rejects.toBe(fault);
  expect(options.said).toEqual([]);
});

it('ends when the process is told to end, with what was said', async () => {
  const controller = new AbortController();
  const options = watched({ signal: controller.signal, timeoutMs: 60_000, random: () => 1 });
  const attempts: number[] = [];
  const opening = withPatience(
    'NATS',
    async () => {
      attempts.push(1);
      setImmediate(() => controller.abort(new Error('told to end')));
      throw away('refused');
    },
    options,
  );
  await expect(opening).rejects.toThrow('told to end');
  expect(attempts).toHaveLength(1);
});
