/** The contract on an object store: in a folder, and on a real S3 server. */
import { type S3Server, startS3 } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll } from 'vitest';
import { type ObjectStore } from './object-store.ts';
import { openFileObjectStore } from './object-store-files.ts';
import { openS3ObjectStore } from './object-store-s3.ts';
import { newBucket } from './object-store-s3-fixture.ts';
import { describeSegmentLog, type LogPlace } from './segment-log-contract.ts';
import { TestFolders } from './segment-log-fixture.ts';
import { openObjectSegmentLog } from './segment-log-objects.ts';

const folders = new TestFolders();
let server: S3Server;
beforeAll(async () => {
  server = await startS3();
}, 300_000);
afterAll(async () => {
  await server.stop();
  await folders.close();
});

function placeOn(store: ObjectStore): LogPlace {
  return {
    // The contract knows of one writer at a time.
    open: ({ segmentBytesMax, ...options } = {}) =>
      openObjectSegmentLog({
        store,
        role: 'outbox',
        lateMs: 0,
        commitIntervalMs: 0,
        // How long a read may take is for other tests; a busy machine takes its time.
        readTimeoutMs: 60_000,
        ...(segmentBytesMax === undefined ? {} : { commitBytesMax: segmentBytesMax }),
        ...options,
      }),
    remove: () => store.close(),
  };
}

describeSegmentLog({
  name: 'segment log on an object store in a folder',
  place: async () => placeOn(await openFileObjectStore({ directory: await folders.next() })),
});

describeSegmentLog({
  name: 'segment log on S3',
  place: async () => placeOn(await openS3ObjectStore(newBucket(server))),
});
