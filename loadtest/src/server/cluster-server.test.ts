/** Protects how a cluster that runs is found: by the line that says where it serves. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LoadError } from '../load-error.ts';
import { ClusterServer, runningCluster } from './cluster-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'loadtest-ready-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(...lines: readonly unknown[]): string {
  const path = join(folder, 'ready');
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  writeFileSync(path, `${text.join('\n')}\n`);
  return path;
}

const READY = {
  event: 'ready',
  gateways: [{ mtlsUrl: 'wss://h:1/', uwsUrl: 'ws://h:2/' }, { uwsUrl: 'ws://h:3/' }],
  processes: [
    { name: 'gateway-1', service: 'gateway', pid: 1 },
    { name: 'outbox-1', service: 'outbox', pid: 2 },
    { name: 'outbox-2', service: 'outbox', pid: 3 },
    { name: 'inbox-1', service: 'inbox' },
  ],
  servers: {
    nats: [{ url: 'n', pid: 4 }],
    redis: [{ pid: 5 }, { pid: 6 }],
    s3: { url: 's', pid: 7 },
  },
};

it('the script that starts a cluster is where it is looked for', () => {
  const source = ClusterServer.script.replace('/dist/', '/src/').replace(/\.js$/, '.ts');
  expect(existsSync(source)).toBe(true);
});

describe('runningCluster', () => {
  it('takes the first gateway and every process, by kind', () => {
    const target = runningCluster(
      file({ level: 'info' }, 'text', { ...READY, gateways: [] }, READY),
    );
    expect(target).toMatchObject({ url: 'ws://h:2/', pids: [1, 2, 3, 4, 5, 6, 7] });
    const groups = target.groups?.map(({ name, pids }) => [name, pids.join()]);
    expect(Object.fromEntries(groups!)).toEqual({
      gateway: '1',
      outbox: '2,3',
      inbox: '',
      encryption: '',
      NATS: '4',
      Redis: '5,6',
      S3: '7',
    });
  });

  it('says what is missing', () => {
    expect(() => runningCluster(join(folder, 'nothing'))).toThrow(/nothing cannot be read/);
    expect(() => runningCluster(file({ level: 'info' }))).toThrow(/has no ready line/);
    const withoutFast = { ...READY, gateways: [{ mtlsUrl: 'wss://h:1/', uwsUrl: null }] };
    expect(() => runningCluster(file(withoutFast))).toThrow(LoadError);
  });
});
