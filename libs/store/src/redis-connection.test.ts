/** The connection to Redis: servers that hang, vanish, refuse; and what its errors must not say. */
import { type RedisServer, startRedis, startRedisSentinels } from '@mosaic-cluster/test-servers';
import { afterEach, describe, expect, it } from 'vitest';
import {
  openRedis,
  type RedisConnection,
  redisScript,
  type ScriptCall,
} from './redis-connection.ts';
import type { RedisConnectionOptions } from './redis-options.ts';
import { slotOf } from './redis-slot.ts';

const ECHO = redisScript('return ARGV[1]');
const CALL: ScriptCall = { script: ECHO, key: Buffer.from('a'), args: [Buffer.of(0, 0xff, 0x0a)] };

const resources: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of resources.splice(0).reverse()) await close();
});

async function start(args: readonly string[] = []): Promise<RedisServer> {
  const server = await startRedis({ args });
  resources.push(() => server.stop());
  return server;
}

async function open(options: RedisConnectionOptions): Promise<RedisConnection> {
  const connection = await openRedis(options);
  resources.push(() => connection.close());
  return connection;
}

/** What anybody could read of an error. */
function textOf(error: unknown): string {
  const { message, stack, cause } = error as Error;
  return [message, stack, JSON.stringify(error), cause && textOf(cause)].join('\n');
}

describe('slots', () => {
  it('are those of the specification', () => {
    expect(slotOf(Buffer.from('123456789'))).toBe(0x31c3);
    expect(slotOf(Buffer.from('a{123456789}b{c}'))).toBe(0x31c3);
    expect(slotOf(Buffer.from('foo{}{bar}'))).not.toBe(slotOf(Buffer.from('bar')));
    expect(slotOf(Buffer.from('foo{{bar}}zap'))).toBe(slotOf(Buffer.from('{bar')));
  });
});

describe('connection to Redis', { timeout: 60_000 }, () => {
  it('carries any bytes, and sends scripts again after a restart', async () => {
    const server = await start();
    const connection = await open({ urls: [server.url] });
    const bytes = Buffer.of(0, 0xff, 0x0a);
    expect(await connection.run([CALL, CALL])).toEqual([bytes, bytes]);
    await server.restart();
    await expect
      .poll(() => connection.run([CALL]).catch(() => []), { timeout: 10_000 })
      .toEqual([bytes]);
    await connection.check();
  });

  it('lets each caller fail by itself, whoever calls in the same turn', async () => {
    const server = await start();
    const connection = await open({ urls: [server.url] });
    const failing = redisScript("return redis.error_reply('OOM no room')");
    const bad: ScriptCall = { ...CALL, script: failing };
    const calls = [[CALL], [CALL, bad], [CALL, CALL], [bad]].map((each) => connection.run(each));
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
    ]);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'redis-full' } });
    expect(await connection.run([CALL])).toHaveLength(1);
  });

  it('fails in time while the server is frozen, takes only so much, and goes on afterwards', async () => {
    const server = await start();
    const connection = await open({ urls: [server.url], commandTimeoutMs: 300, pendingMax: 50 });
    server.pause();
    const begun = performance.now();
    const calls = Array.from({ length: 20 }, () => connection.run([CALL, CALL, CALL]));
    const outcomes = await Promise.all(
      calls.map((call) =>
        call.then(
          () => 'done',
          (e) => e.code,
        ),
      ),
    );
    expect(performance.now() - begun).toBeLessThan(1_500);
    expect(new Set(outcomes)).toEqual(new Set(['redis-timeout', 'redis-busy']));
    await expect(connection.check()).rejects.toMatchObject({ kind: 'unavailable' });
    server.resume();
    await expect
      .poll(
        () =>
          connection.check().then(
            () => 'well',
            () => 'ill',
          ),
        { timeout: 10_000 },
      )
      .toBe('well');
    expect(await connection.run([CALL])).toHaveLength(1);
  });

  it('fails at once while there is no server, and comes back with it', async () => {
    const server = await start();
    const connection = await open({ urls: [server.url] });
    await server.kill();
    await expect(connection.run([CALL])).rejects.toMatchObject({ kind: 'unavailable' });
    const begun = performance.now();
    await expect(connection.run([CALL])).rejects.toMatchObject({ code: 'redis-unreachable' });
    expect(performance.now() - begun).toBeLessThan(1_000);
    await server.restart();
    await expect
      .poll(() => connection.run([CALL]).catch(() => []), { timeout: 10_000 })
      .toHaveLength(1);
  });

  it('names the servers that it cannot reach, and not the password', async () => {
    const urls = ['redis://worker:hush-hush@127.0.0.1:1/0'];
    const error: unknown = await openRedis({ urls }).catch((each: unknown) => each);
    expect(error).toMatchObject({ kind: 'unavailable', code: 'redis-unreachable' });
    expect(textOf(error)).toContain('127.0.0.1:1');
    expect(textOf(error)).not.toContain('hush');
  });

  it('logs in as an ACL user, whose rights hold, and never shows what it was told', async () => {
    const server = await start();
    await server.command('ACL SETUSER worker on >hush-hush ~mosaic:* +@all -eval');
    const url = server.url.replace('//', '//worker:hush-hush@');
    const connection = await open({ urls: [url] });
    const key = Buffer.from('mosaic:a');
    const unknown = { ...CALL, key };
    const denied: unknown = await connection.run([unknown]).catch((each: unknown) => each);
    expect(denied).toMatchObject({ kind: 'unavailable', code: 'redis-refused' });
    await server.command('ACL SETUSER worker +eval');
    expect(await connection.run([unknown])).toHaveLength(1);
    const secret = Buffer.from('a private record');
    const foreign = { ...CALL, key: Buffer.from('other'), args: [secret] };
    const error: unknown = await connection.run([foreign]).catch((each: unknown) => each);
    expect(error).toMatchObject({ code: 'redis-refused' });
    expect(textOf(error)).not.toMatch(/hush|private/);
    const wrong = openRedis({ urls: [server.url], username: 'worker', password: 'wrong-one' });
    const refused: unknown = await wrong.catch((each: unknown) => each);
    expect(refused).toMatchObject({ code: 'redis-refused' });
    expect(textOf(refused)).not.toContain('wrong-one');
  });

  it('says so when Redis is full, and refuses one that would drop keys', async () => {
    const server = await start();
    const connection = await open({ urls: [server.url] });
    const write = redisScript("return redis.call('SET', KEYS[1], ARGV[1])");
    await server.command('CONFIG SET maxmemory 1');
    const call = { script: write, key: Buffer.from('a'), args: ['b'] };
    await expect(connection.run([call])).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'redis-full',
    });
    await server.command('CONFIG SET maxmemory-policy allkeys-lru');
    await expect(openRedis({ urls: [server.url] })).rejects.toThrow(/allkeys-lru.*noeviction/);
  });

  it('finds the master by Sentinels, also the one that they choose later', async () => {
    const redis = await startRedisSentinels();
    resources.push(() => redis.stop());
    const connection = await open({
      mode: 'sentinel',
      urls: redis.urls,
      sentinelMaster: redis.name,
    });
    expect(await connection.run([CALL])).toHaveLength(1);
    await redis.master.kill();
    await expect
      .poll(() => connection.run([CALL]).catch(() => []), { timeout: 20_000 })
      .toHaveLength(1);
    expect(await redis.masterPort()).toBe(redis.replica.port);
  });

  it('refuses everything once closed', async () => {
    const server = await start();
    const connection = await open({ urls: [server.url] });
    await connection.close();
    await expect(connection.run([CALL])).rejects.toMatchObject({ kind: 'closed' });
    await expect(connection.check()).rejects.toMatchObject({ kind: 'closed' });
  });

  it.each<[string, RedisConnectionOptions, RegExp]>([
    ['no URL', { urls: [] }, /no URL/],
    ['another protocol', { urls: ['http://u:hush@h'] }, /redis:\/\/host:port/],
    ['several for one', { urls: ['redis://a', 'redis://b'] }, /sentinel or cluster/],
    ['a database of a cluster', { mode: 'cluster', urls: ['redis://a/1'] }, /database 0/],
    ['a nameless master', { mode: 'sentinel', urls: ['redis://a'] }, /name of the master/],
    ['a database that is no number', { urls: ['redis://a/x'] }, /number of a database/],
    ['no time', { urls: ['redis://a'], commandTimeoutMs: 0 }, /50 to 60000/],
    ['a prefix with braces', { urls: ['redis://a'], keyPrefix: '{a}' }, /braces/],
  ])('refuses %s', async (_, options, message) => {
    const error: unknown = await openRedis(options).catch((each: unknown) => each);
    expect(error).toMatchObject({ kind: 'invalid', code: 'redis-options' });
    expect(textOf(error)).toMatch(message);
    expect(textOf(error)).not.toContain('hush');
  });
});
