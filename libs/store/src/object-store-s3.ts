/**
 * How to reach a bucket of S3, or of anything that speaks its protocol: the object store of a
 * cluster. The client is loaded when a bucket is opened, not before: it is large.
 */
import type { ObjectStore } from './object-store.ts';

/** Access keys; never logged. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** Which bucket, and how to reach it. */
export interface S3ObjectStoreOptions {
  readonly bucket: string;
  readonly region: string;
  /** `http://…` or `https://…`; undefined: Amazon's. */
  readonly endpoint?: string | undefined;
  /** Whether the bucket is named in the path and not in the host name; by default with an endpoint. */
  readonly pathStyle?: boolean | undefined;
  /** Undefined: the usual chain (environment, shared files, web identity, the machine's role). */
  readonly credentials?: S3Credentials | undefined;
  /** Milliseconds to connect: 3,000 by default. */
  readonly connectionTimeoutMs?: number | undefined;
  /** Milliseconds until the answer to a request begins, and between its pieces: 10,000 by default. */
  readonly requestTimeoutMs?: number | undefined;
  /** Milliseconds of a call with all of its attempts: 30,000 by default. */
  readonly callTimeoutMs?: number | undefined;
  /** Attempts of a call: 4 by default. */
  readonly attemptsMax?: number | undefined;
  /** Calls at a time: 64 by default. */
  readonly requestsMax?: number | undefined;
  /** Calls that may wait for that: 4,096 by default; above it they are refused (`store-busy`). */
  readonly requestsWaitingMax?: number | undefined;
  /** For the pauses between attempts. */
  readonly random?: (() => number) | undefined;
}

/**
 * Opens a bucket. It is not asked for anything yet: that is what `selfTest` is for.
 *
 * @throws MosaicError `invalid` (`store-endpoint`) for an endpoint that is no address
 */
export async function openS3ObjectStore(options: S3ObjectStoreOptions): Promise<ObjectStore> {
  const { S3ObjectStore } = await import('./object-store-s3-bucket.ts');
  return new S3ObjectStore(options);
}
