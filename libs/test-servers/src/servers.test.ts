/** What tests rely on: servers answer, freeze, come back with or without memory, and never stay. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import {
  makeTestCertificate,
  type NatsServer,
  startNats,
  startNatsCluster,
  startRedis,
  startRedisCluster,
  startRedisSentinels,
  startS3,
  type TestServer,
  waitFor,
} from './index.ts';
import { ask } from './probe.ts';
import { ServerProcess } from './server-process.ts';

const running: Pick<TestServer, 'stop'>[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

function kept<T extends Pick<TestServer, 'stop'>>(server: T): T {
  running.push(server);
  return server;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function startPair(): Promise<[NatsServer, NatsServer]> {
  const servers = await startNatsCluster(2);
  return servers.map(kept) as [NatsServer, NatsServer];
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

describe('servers for tests', { timeout: 120_000 }, () => {
  it('start alone, freeze, thaw and come back at the same address', async () => {
    const server = kept(await startRedis());
    await server.command('SET a 1');
    server.pause();
    expect(await ask(server.port, 'PING\r\n')).toBe('');
    server.resume();
    expect(await server.command('GET a', '1\r\n')).toContain('1');
    const before = server.pid;
    await server.restart();
    expect(server.pid).not.toBe(before);
    expect(isAlive(before)).toBe(false);
    expect(await server.command('GET a')).toBe('$-1\r\n');
    await server.kill();
    expect(await ask(server.port, 'PING\r\n')).toBe('');
    await server.restart();
    expect(await server.command('PING')).toBe('+PONG\r\n');
    server.pause();
    const { folder } = server;
    await server.stop();
    expect(existsSync(folder)).toBe(false);
  });

  it('make a Redis Cluster that shares all slots', async () => {
    const { nodes, urls } = kept(await startRedisCluster());
    expect(urls).toHaveLength(3);
    const answers = await Promise.all(
      nodes.map((node) => node.command('SET a 1').catch((error: Error) => error.message)),
    );
    expect(answers.filter((answer) => answer.startsWith('+OK'))).toHaveLength(1);
    expect(answers.filter((answer) => answer.includes('MOVED'))).toHaveLength(2);
  });

  it('have Sentinels put a replica in the place of a Redis master', async () => {
    const redis = kept(await startRedisSentinels());
    expect(await redis.masterPort()).toBe(redis.master.port);
    await redis.master.kill();
    const { replica } = redis;
    await waitFor('the change', async () => (await redis.masterPort()) === replica.port);
    expect(await replica.command('SET a 1')).toBe('+OK\r\n');
  });

  it('speak TLS where they are told to', async () => {
    const redis = kept(await startRedis({ tls: makeTestCertificate() }));
    expect(redis.url).toMatch(/^rediss:/);
    expect(await redis.command('PING')).toBe('+PONG\r\n');
    expect(await ask(redis.port, 'PING\r\n')).not.toContain('PONG');
  });

  it('route NATS servers together', async () => {
    const [one, two] = await startPair();
    expect(await ask(portOf(one.url), '')).toContain('INFO {');
    expect(await one.routedServers()).toBe(1);
    await two.kill();
    await waitFor('the route to go', async () => (await one.routedServers()) === 0);
    await two.restart();
    await waitFor('the route to return', async () => (await one.routedServers()) === 1);
  });

  it('name what a wrong configuration says', async () => {
    await expect(startNats({ config: 'no_such_thing: 1' })).rejects.toThrow(/no_such_thing/);
  });

  it('serve S3 over a folder', async () => {
    const server = kept(await startS3());
    server.createBucket('records');
    const response = await fetch(`${server.url}/records`);
    expect(response.status).toBe(403);
    await server.restart();
    expect((await fetch(`${server.url}/records`)).status).toBe(403);
  });

  it('say what they wrote last when they do not start', async () => {
    const server = new ServerProcess({
      name: 'redis-server',
      args: () => ['--no-such-option', 'yes'],
      isReady: async () => false,
    });
    await expect(server.start()).rejects.toThrow(/ended at its start:[^]*no-such-option/);
    await server.stop();
  });

  it('end with the process that started them, killed as it may be', async () => {
    const script = new URL('../dist/crash-child.js', import.meta.url);
    const child = spawn(process.execPath, [script.pathname], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(isAlive(pid)).toBe(true);
    child.kill('SIGKILL');
    await waitFor('the server to end', async () => !isAlive(pid));
  });
});
