/** What an operator meets: typed values when all is well, one complete list when not. */
import { describe, expect, expectTypeOf, it } from 'vitest';

import { readConfig } from './config.ts';
import { type ConfigError, isConfigError } from './config-error.ts';
import type { HostPort } from './host-port.ts';
import { Secret } from './secret.ts';

const table = {
  dataDir: { name: 'MOSAIC_DATA_DIR', type: 'string', default: './data', doc: 'Where.' },
  shards: { name: 'MOSAIC_SHARDS', type: 'integer', min: 1, max: 16, default: 4, doc: 'How many.' },
  drainMs: {
    name: 'MOSAIC_DRAIN_TIME',
    type: 'duration',
    min: '1s',
    max: '10m',
    default: '20s',
    doc: 'How long.',
  },
  segmentBytesMax: { name: 'MOSAIC_SEGMENT_MAX', type: 'bytes', default: '4MiB', doc: 'How big.' },
  isOpen: { name: 'MOSAIC_OPEN', type: 'boolean', default: false, doc: 'Whether.' },
  log: { name: 'MOSAIC_LOG', type: 'enum', values: ['json', 'auto'], default: 'auto', doc: 'L.' },
  listen: { name: 'MOSAIC_LISTEN', type: 'hostPort', default: '127.0.0.1:0', doc: 'Listener.' },
  peer: { name: 'MOSAIC_PEER', type: 'hostPort', canBeOff: false, optional: true, doc: 'Peer.' },
  token: { name: 'MOSAIC_TOKEN', type: 'secret', lengthMin: 8, optional: true, doc: 'Token.' },
  redis: {
    name: 'MOSAIC_REDIS',
    type: 'list',
    of: { type: 'secretUrl', protocols: ['redis', 'rediss'] },
    default: 'none',
    doc: 'Nodes.',
  },
  s3: { name: 'MOSAIC_S3_URL', type: 'url', optional: true, doc: 'Object store.' },
} as const;

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (isConfigError(error)) return error.problems;
    throw error;
  }
  throw new Error('no error was thrown');
}

describe('readConfig', () => {
  it('falls back to typed defaults', () => {
    const config = readConfig(table, {});
    expect(config).toEqual({
      dataDir: './data',
      shards: 4,
      drainMs: 20_000,
      segmentBytesMax: 4_194_304,
      isOpen: false,
      log: 'auto',
      listen: { host: '127.0.0.1', port: 0 },
      peer: undefined,
      token: undefined,
      redis: [],
      s3: undefined,
    });
    expectTypeOf(config.dataDir).toEqualTypeOf<string>();
    expectTypeOf(config.drainMs).toEqualTypeOf<number>();
    expectTypeOf(config.isOpen).toEqualTypeOf<boolean>();
    expectTypeOf(config.log).toEqualTypeOf<'json' | 'auto'>();
    expectTypeOf(config.listen).toEqualTypeOf<HostPort | 'off'>();
    expectTypeOf(config.peer).toEqualTypeOf<HostPort | undefined>();
    expectTypeOf(config.token).toEqualTypeOf<Secret | undefined>();
    expectTypeOf(config.redis).toEqualTypeOf<readonly Secret<URL>[]>();
    expectTypeOf(config.s3).toEqualTypeOf<URL | undefined>();
  });

  it('takes the environment before the file, and the file before the default', () => {
    const env = { MOSAIC_SHARDS: ' 7\n', MOSAIC_DATA_DIR: '', PATH: '/bin' };
    const config = readConfig(table, env, 'MOSAIC_SHARDS=9\nMOSAIC_DATA_DIR=/srv\nMOSAIC_OPEN=on');
    expect(config).toMatchObject({ shards: 7, dataDir: '/srv', isOpen: true });
  });

  it('reads every kind', () => {
    const config = readConfig(table, {
      MOSAIC_LISTEN: 'off',
      MOSAIC_PEER: '[::1]:443',
      MOSAIC_TOKEN: 'hunter2hunter2',
      MOSAIC_REDIS: 'redis://a:1, rediss://:pw@b:2',
      MOSAIC_S3_URL: 'https://s3.example/bucket',
    });
    expect(config.listen).toBe('off');
    expect(config.peer).toEqual({ host: '::1', port: 443 });
    expect(config.token?.reveal()).toBe('hunter2hunter2');
    expect(config.redis.map((url) => url.reveal().hostname)).toEqual(['a', 'b']);
    expect(config.s3?.pathname).toBe('/bucket');
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('reports all problems at once: variable, value, what is allowed', () => {
    const env = {
      MOSAIC_SHARDS: '17',
      MOSAIC_DRAIN_TIME: '5',
      MOSAIC_LOG: 'xml',
      MOSAIC_PEER: 'off',
      MOSAIC_DATADIR: '/srv',
      MOSAIC_FOO: '1',
    };
    const problems = problemsOf(() => readConfig(table, env, 'MOSAIC_OPEN=maybe\nSHARDS=3'));
    expect(problems).toEqual([
      'MOSAIC_DATADIR is not a setting. Did you mean MOSAIC_DATA_DIR?',
      'MOSAIC_FOO is not a setting. See --help for the names.',
      'SHARDS in the config file is not a setting. Did you mean MOSAIC_SHARDS?',
      'MOSAIC_SHARDS is "17", but must be a whole number, from 1 to 16.',
      'MOSAIC_DRAIN_TIME is "5", but must be a duration like 500ms, 5s, 2m or 1h30m, from 1s to 10m.',
      'MOSAIC_OPEN is "maybe" (line 1 of the config file), but must be true or false.',
      'MOSAIC_LOG is "xml", but must be one of json or auto.',
      'MOSAIC_PEER is "off", but must be an address and port like 127.0.0.1:443 or [::1]:443.',
    ]);
  });

  it('never shows secrets, nor what may contain one', () => {
    const read = (): unknown =>
      readConfig(table, {
        MOSAIC_TOKEN: 'hunter2',
        MOSAIC_REDIS: 'http://:hunter2@a',
        MOSAIC_S3_URL: 'https://me:hunter2@s3.example',
        MOSAIC_LISTEN: 'me:hunter2@s3.example:1',
      });
    const problems = problemsOf(read);
    expect(problems).toHaveLength(4);
    expect(problems.join()).not.toContain('hunter2');
    expect(problems.join()).toContain(
      'MOSAIC_TOKEN has a value that is not shown here, but must be a secret of at least 8',
    );
  });

  it('cuts long values and escapes control characters', () => {
    const [problem = ''] = problemsOf(() =>
      readConfig(table, { MOSAIC_SHARDS: `\u001b[31m${'x'.repeat(10_000)}` }),
    );
    expect(problem.length).toBeLessThan(300);
    expect(problem).not.toContain('\u001b');
  });

  it('asks for required settings', () => {
    const required = { url: { name: 'MOSAIC_NATS_URL', type: 'url', doc: 'Bus.' } } as const;
    expect(problemsOf(() => readConfig(required, {}))).toEqual([
      'MOSAIC_NATS_URL is not set; it must be an address that begins with https:// or http://, ' +
        'without user or password.',
    ]);
  });

  it('tolerates the settings of other services, and what Kubernetes adds for its Services', () => {
    const env = {
      MOSAIC_INBOX_ONLY: '1',
      MOSAIC_GATEWAY_SERVICE_HOST: '10.0.0.1',
      MOSAIC_GATEWAY_SERVICE_PORT: '443',
      MOSAIC_GATEWAY_SERVICE_PORT_MTLS: '443',
      MOSAIC_GATEWAY_PORT: 'tcp://10.0.0.1:443',
      MOSAIC_GATEWAY_PORT_443_TCP_ADDR: '10.0.0.1',
    };
    const options = { alsoKnown: ['MOSAIC_INBOX_ONLY'] };
    expect(readConfig(table, env, undefined, options).shards).toBe(4);
    expect(problemsOf(() => readConfig(table, { MOSAIC_OTHER_PORT: '1' }))).toHaveLength(1);
  });

  it('takes a secret from the file that NAME_FILE names, and only one of the two', () => {
    const files: Record<string, string> = { '/run/token': 'hunter2hunter2\n', '/run/empty': '\n' };
    const readFile = (path: string): string => {
      const text = files[path];
      if (text === undefined) throw new Error('no such file');
      return text;
    };
    const read = (env: Record<string, string>, file?: string): unknown =>
      readConfig(table, env, file, { readFile }).token?.reveal();
    expect(read({ MOSAIC_TOKEN_FILE: '/run/token' })).toBe('hunter2hunter2');
    expect(read({}, 'MOSAIC_TOKEN_FILE=/run/token')).toBe('hunter2hunter2');
    const env = { MOSAIC_TOKEN: 'from the environment' };
    expect(read(env, 'MOSAIC_TOKEN_FILE=/run/token')).toBe('from the environment');
    expect(problemsOf(() => read({ ...env, MOSAIC_TOKEN_FILE: '/run/token' }))).toEqual([
      'MOSAIC_TOKEN and MOSAIC_TOKEN_FILE are both set: keep one of them.',
    ]);
    expect(problemsOf(() => read({ MOSAIC_TOKEN_FILE: '/run/nothing' }))).toEqual([
      "MOSAIC_TOKEN_FILE names a file that can't be read: no such file.",
    ]);
    expect(problemsOf(() => read({ MOSAIC_TOKEN_FILE: '/run/empty' }))).toEqual([
      'MOSAIC_TOKEN_FILE names /run/empty, which is empty.',
    ]);
    expect(problemsOf(() => read({ MOSAIC_OPEN_FILE: '/run/token' }))).toHaveLength(1);
  });

  it('lets no file name another file', () => {
    const problems = problemsOf(() => readConfig(table, {}, 'MOSAIC_CONFIG_FILE=/x'));
    expect(problems).toEqual([
      'MOSAIC_CONFIG_FILE can be set in the environment only, not in the config file.',
    ]);
    expect(readConfig(table, { MOSAIC_CONFIG_FILE: '/x' }).shards).toBe(4);
  });

  it('throws an error that programs recognise', () => {
    try {
      readConfig(table, { MOSAIC_SHARDS: 'x', MOSAIC_LOG: 'y' });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ name: 'MosaicError', kind: 'invalid', code: 'bad-config' });
      expect((error as ConfigError).message).toMatch(
        /2 problems:\n- MOSAIC_SHARDS.*\n- MOSAIC_LOG/,
      );
    }
  });
});

describe('a wrong table', () => {
  const base = { name: 'MOSAIC_X', doc: 'X.' } as const;
  it.each([
    ['a bad name', { ...base, name: 'MOSAIC_x', type: 'string' }, 'MOSAIC_ and capitals'],
    ['no doc', { ...base, doc: ' ', type: 'string' }, 'has no doc'],
    ['a bad default', { ...base, type: 'integer', max: 3, default: 4 }, 'does not allow: 4'],
    ['a bad bound', { ...base, type: 'duration', min: '5' }, 'bound that is no duration'],
    ['default and optional', { ...base, type: 'string', default: 'a', optional: true }, 'optional'],
    ['a secret default', { ...base, type: 'secret', default: 'a' }, 'secret with a default'],
    ['an empty enum', { ...base, type: 'enum', values: [] }, 'no values'],
    ['an unexplained pattern', { ...base, type: 'string', pattern: 'a+' }, 'in words'],
    ['the reserved name', { ...base, name: 'MOSAIC_CONFIG_FILE', type: 'string' }, 'reserved'],
  ] as const)('with %s is a TypeError', (_what, setting, message) => {
    expect(() => readConfig({ setting }, {})).toThrow(TypeError);
    expect(() => readConfig({ setting }, {})).toThrow(message);
  });

  it('whose setting is called like the file of another one is a TypeError', () => {
    const clash = {
      a: { ...base, type: 'secret', optional: true },
      b: { ...base, name: 'MOSAIC_X_FILE', type: 'string', optional: true },
    } as const;
    expect(() => readConfig(clash, {})).toThrow('what the file of MOSAIC_X is called');
  });

  it('with a misspelt property or a name twice is a TypeError', () => {
    const misspelt = { a: { ...base, type: 'integer', minimum: 1 } } as const;
    expect(() => readConfig(misspelt, {})).toThrow('unknown property minimum');
    const setting = { ...base, type: 'boolean', default: true } as const;
    expect(() => readConfig({ a: setting, b: setting }, {})).toThrow('declared twice');
  });
});
