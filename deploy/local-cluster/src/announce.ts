/** Tells whoever started the cluster that it serves: a line for programs, a page for people. */
import type { LocalCluster } from './local-cluster.ts';

/** The line that programs wait for. */
export function readyLine(cluster: LocalCluster): string {
  const { urls, processes, servers, folder } = cluster;
  return JSON.stringify({
    event: 'ready',
    gateways: urls.map(({ mtlsUrl, uwsUrl }) => ({ mtlsUrl, uwsUrl })),
    serverKey: urls[0]?.serverKey,
    serverKeyHex: urls[0]?.serverKeyHex,
    dataDir: folder.path,
    processes: processes.map(({ name, spec, facts }) => ({
      name,
      service: spec.service,
      pid: facts?.pid,
      health: facts?.health,
    })),
    servers: {
      nats: servers.nats.map(({ url, pid }) => ({ url, pid })),
      redis: servers.redis.nodes.map(({ url, pid }) => ({ url, pid })),
      s3: { url: servers.s3.url, pid: servers.s3.pid },
    },
  });
}

/** What a person sees at a terminal. */
export function readyPage(cluster: LocalCluster): string {
  const { urls, processes, servers, folder } = cluster;
  const [first, second = first] = urls;
  const url = first?.mtlsUrl ?? first?.uwsUrl ?? '';
  const other = second?.mtlsUrl ?? second?.uwsUrl ?? url;
  const gateways = urls.map(
    ({ mtlsUrl, uwsUrl }, i) =>
      `  gateway ${String(i + 1).padEnd(5)} ${mtlsUrl ?? 'off'}  without client certificates ${uwsUrl ?? 'off'}`,
  );
  const workers = processes
    .filter(({ spec }) => spec.service !== 'gateway')
    .map(({ name, facts }) => `${name} (${facts?.pid})`);
  return [
    '',
    'A Mosaic cluster, ready to publish to.',
    '',
    ...gateways,
    `  server key    ${first?.serverKey}`,
    `  workers       ${workers.join(', ')}`,
    `  NATS          ${servers.nats.map((each) => each.url).join(', ')}`,
    `  Redis Cluster ${servers.redis.urls.join(', ')}`,
    `  S3            ${servers.s3.url}`,
    `  data          ${folder.path}`,
    ...processes.map(({ name, facts }) => `  ${name.padEnd(13)} ${facts?.health}/metrics`),
    '',
    'Try it from another shell: subscribe at one gateway, publish at the other.',
    '',
    '  npm run -s mosaic -- keygen --out me.key',
    `  npm run -s mosaic -- subscribe --server ${other} --kind microblog-root`,
    `  npm run -s mosaic -- publish --server ${url} --secret @me.key --text "Hello, Mosaic"`,
    `  npm run -s conformance -- --url ${url} --second-url ${other} --server-key ${first?.serverKey}`,
    '',
    'Kill any process and watch it come back. Ctrl-C stops all of it.',
    '',
  ].join('\n');
}
