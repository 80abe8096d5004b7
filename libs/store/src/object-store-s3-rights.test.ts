/** The bucket policy that operators are given: workers do their work with it and cannot delete a record. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { type S3Server, startS3 } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ObjectStore } from './object-store.ts';
import { openS3ObjectStore } from './object-store-s3.ts';

const BUCKET = 'mosaic';
const POLICY = fileURLToPath(
  new URL('../../../deploy/servers/bucket-policy.json', import.meta.url),
);
const ONE = Uint8Array.of(1);
const secretAccessKey = 'hush-hush';
const users = ['mosaic-workers', 'mosaic-compact'].map((accessKeyId) => {
  return { accessKeyId, secretAccessKey };
});

let server: S3Server;
let workers: ObjectStore;
let compact: ObjectStore;

beforeAll(async () => {
  server = await startS3({ users });
  server.createBucket(BUCKET);
  const { url: endpoint, region } = server;
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: server });
  const Policy = readFileSync(POLICY, 'utf8');
  await client.send(new PutBucketPolicyCommand({ Bucket: BUCKET, Policy }));
  client.destroy();
  const opened = users.map((credentials) =>
    openS3ObjectStore({ bucket: BUCKET, endpoint, region, credentials }),
  );
  [workers, compact] = (await Promise.all(opened)) as [ObjectStore, ObjectStore];
}, 60_000);

afterAll(async () => {
  await Promise.all([workers?.close(), compact?.close()]);
  await server?.stop();
});

it('lets workers do what they do', async () => {
  await workers.selfTest();
  for (const key of ['segments/a', 'control/a', 'joins/a']) {
    await workers.put(key, ONE);
    expect(await workers.get(key)).toEqual(ONE);
    expect(await workers.head(key)).toMatchObject({ key });
  }
  const { objects } = await workers.list({ prefix: 'control/' });
  expect(objects.map(({ key }) => key)).toEqual(['control/a']);
  await workers.delete(['control/a']);
  expect(await workers.head('control/a')).toBeUndefined();
});

it('lets nobody but compact delete what holds records', async () => {
  for (const key of ['segments/b', 'joins/b']) {
    await workers.put(key, ONE);
    await expect(workers.delete([key])).rejects.toThrow(/access ?denied/i);
    expect(await workers.get(key)).toEqual(ONE);
    await compact.delete([key]);
    expect(await workers.head(key)).toBeUndefined();
  }
});
