/** The contract on a real S3 server. */
import { type S3Server, startS3 } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll } from 'vitest';
import { describeObjectStore } from './object-store-contract.ts';
import { openS3ObjectStore } from './object-store-s3.ts';
import { newBucket } from './object-store-s3-fixture.ts';

let server: S3Server;
beforeAll(async () => {
  server = await startS3();
}, 300_000);
afterAll(() => server.stop());

describeObjectStore({
  name: 'object store on S3',
  place: async () => {
    const bucket = newBucket(server);
    return (options = {}) => openS3ObjectStore({ ...bucket, ...options });
  },
});
