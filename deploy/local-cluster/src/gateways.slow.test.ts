/** Every listener of every gateway passes the conformance suite. Needs a build. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LocalCluster, startLocalCluster } from './local-cluster.ts';
import { expectConformance } from './testing/conform.ts';

const GATEWAYS = 3;

let dataDir: string;
let cluster: LocalCluster;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mosaic-gateways-'));
  cluster = await startLocalCluster({ dataDir, gateways: GATEWAYS, report: () => {} });
}, 120_000);

afterAll(async () => {
  await cluster?.close();
  await rm(dataDir, { recursive: true, force: true });
}, 60_000);

it.each([0, 1, 2])('passes through gateway %i', { timeout: 240_000 }, async (i) => {
  expect(cluster.urls).toHaveLength(GATEWAYS);
  const { mtlsUrl, uwsUrl, serverKeyHex } = cluster.urls[i]!;
  const next = cluster.urls[(i + 1) % GATEWAYS]!;
  await expectConformance(mtlsUrl!, next.mtlsUrl!, serverKeyHex!);
  await expectConformance(uwsUrl!, next.uwsUrl!, serverKeyHex!);
});
