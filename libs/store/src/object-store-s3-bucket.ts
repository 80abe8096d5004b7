/** An object store in a bucket of S3, through Amazon's client. */
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { type ByteRange, isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import { crc32c } from './crc32c.ts';
import {
  assertObjectBytes,
  assertObjectKey,
  OBJECT_PAGE_MAX,
  type ObjectCallOptions,
  type ObjectInfo,
  type ObjectListing,
  type ObjectPage,
  type ObjectStore,
  settleListing,
  storeAborted,
  storeClosed,
} from './object-store.ts';
import type { S3Credentials, S3ObjectStoreOptions } from './object-store-s3.ts';
import { retried, type RetryPolicy } from './object-store-retry.ts';
import { isBehindEnd, s3Failure } from './object-store-s3-failure.ts';
import { selfTestObjectStore } from './object-store-self-test.ts';
import { Turnstile } from './object-store-turnstile.ts';

/** A bucket; see `openS3ObjectStore`. */
export class S3ObjectStore implements ObjectStore {
  readonly name: string;
  readonly #bucket: string;
  readonly #client: S3Client;
  readonly #secrets: readonly string[];
  readonly #turnstile: Turnstile;
  readonly #policy: RetryPolicy;
  #isClosed = false;

  constructor(options: S3ObjectStoreOptions) {
    const { bucket, region, endpoint, credentials } = options;
    this.#bucket = bucket;
    this.name = `bucket ${bucket} at ${endpoint === undefined ? `Amazon S3 (${region})` : placeOf(endpoint)}`;
    this.#secrets = secretsOf(credentials);
    this.#policy = {
      attemptsMax: options.attemptsMax ?? 4,
      callTimeoutMs: options.callTimeoutMs ?? 30_000,
      random: options.random ?? Math.random,
    };
    const requestsMax = options.requestsMax ?? 64;
    this.#turnstile = new Turnstile({
      insideMax: requestsMax,
      waitingMax: options.requestsWaitingMax ?? 4096,
      code: 'store-busy',
      what: `calls to ${this.name}`,
    });
    this.#client = clientOf(options, requestsMax);
  }

  async put(key: string, bytes: Uint8Array, options?: ObjectCallOptions): Promise<void> {
    assertObjectKey(key);
    assertObjectBytes(key, bytes);
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: bytes,
      ContentType: 'application/octet-stream',
      IfNoneMatch: '*',
      ChecksumCRC32C: base64Crc32c(bytes),
    });
    await this.#call(key, options, (abortSignal) => this.#client.send(command, { abortSignal }));
  }

  async get(key: string, range?: ByteRange, options?: ObjectCallOptions): Promise<Uint8Array> {
    assertObjectKey(key);
    if (range !== undefined && range.end <= range.start) return new Uint8Array(0);
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }),
    });
    return this.#call(key, options, async (abortSignal) => {
      try {
        const { Body } = await this.#client.send(command, { abortSignal });
        return Body === undefined ? new Uint8Array(0) : await Body.transformToByteArray();
      } catch (thrown) {
        if (range !== undefined && isBehindEnd(thrown)) return new Uint8Array(0);
        throw thrown;
      }
    });
  }

  async head(key: string, options?: ObjectCallOptions): Promise<ObjectInfo | undefined> {
    assertObjectKey(key);
    const command = new HeadObjectCommand({ Bucket: this.#bucket, Key: key });
    try {
      const found = await this.#call(key, options, (abortSignal) =>
        this.#client.send(command, { abortSignal }),
      );
      return infoOf(key, found.ContentLength, found.LastModified);
    } catch (error) {
      if (isMosaicError(error) && error.kind === 'not-found') return undefined;
      throw error;
    }
  }

  async list(listing: ObjectListing, options?: ObjectCallOptions): Promise<ObjectPage> {
    const { prefix, after, limit } = settleListing(listing);
    const command = new ListObjectsV2Command({
      Bucket: this.#bucket,
      Prefix: prefix,
      StartAfter: after,
      MaxKeys: limit,
    });
    const { Contents = [], IsTruncated = false } = await this.#call(
      `keys ${prefix}…`,
      options,
      (abortSignal) => this.#client.send(command, { abortSignal }),
    );
    const objects = Contents.flatMap(({ Key, Size, LastModified }) =>
      Key === undefined ? [] : [infoOf(Key, Size, LastModified)],
    );
    return { objects, hasMore: IsTruncated };
  }

  async delete(keys: readonly string[], options?: ObjectCallOptions): Promise<void> {
    for (const key of keys) assertObjectKey(key);
    for (let from = 0; from < keys.length; from += OBJECT_PAGE_MAX) {
      await this.#deletePage(keys.slice(from, from + OBJECT_PAGE_MAX), options);
    }
  }

  selfTest(): Promise<void> {
    return selfTestObjectStore(this);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turnstile.drained();
    this.#client.destroy();
  }

  async #deletePage(keys: readonly string[], options?: ObjectCallOptions): Promise<void> {
    const [first = ''] = keys;
    const command = new DeleteObjectsCommand({
      Bucket: this.#bucket,
      Delete: { Objects: keys.map((key) => ({ Key: key })), Quiet: true },
    });
    const { Errors = [] } = await this.#call(first, options, (abortSignal) =>
      this.#client.send(command, { abortSignal }),
    );
    const failed = Errors.filter(({ Code }) => Code !== 'NoSuchKey');
    if (failed.length === 0) return;
    const [one] = failed;
    const message = `${this.name} did not delete ${failed.length} of ${keys.length} objects (${one?.Key}: ${one?.Code})`;
    throw new MosaicError('unavailable', 'store-failed', message);
  }

  #call<T>(
    subject: string,
    options: ObjectCallOptions | undefined,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { name } = this;
    if (this.#isClosed) return Promise.reject(storeClosed(name));
    const request = { store: name, subject, secrets: this.#secrets };
    const { callTimeoutMs } = this.#policy;
    return this.#turnstile.pass(() =>
      retried(this.#policy, {
        run,
        failure: (thrown) => s3Failure(thrown, request),
        timedOut: (last) => {
          const why = last === undefined ? '' : `; before that: ${last.message}`;
          const message = `${name} did not answer within ${callTimeoutMs} ms (${subject})${why}`;
          return new MosaicError('unavailable', 'store-timeout', message);
        },
        aborted: () => storeAborted(name),
        signal: options?.signal,
      }),
    );
  }
}

function clientOf(options: S3ObjectStoreOptions, requestsMax: number): S3Client {
  const { region, endpoint, credentials } = options;
  const requestTimeoutMs = options.requestTimeoutMs ?? 10_000;
  const agent = { keepAlive: true, maxSockets: requestsMax };
  return new S3Client({
    region,
    forcePathStyle: options.pathStyle ?? endpoint !== undefined,
    // Attempts are counted here, where also answers that break off are repeated.
    maxAttempts: 1,
    // A client that asks first opens a new connection for every object.
    expectContinueHeader: false,
    // Segments carry checksums of their own; ranges could not be checked anyway.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: options.connectionTimeoutMs ?? 3000,
      // The first ends where the answer begins, the second watches over the rest of it.
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: requestTimeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials: settled(credentials) }),
  });
}

function settled({ accessKeyId, secretAccessKey, sessionToken }: S3Credentials): {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
} {
  const keys = { accessKeyId, secretAccessKey };
  return sessionToken === undefined ? keys : { ...keys, sessionToken };
}

function secretsOf(credentials: S3Credentials | undefined): string[] {
  if (credentials === undefined) return [];
  const { accessKeyId, secretAccessKey, sessionToken = '' } = credentials;
  return [secretAccessKey, sessionToken, accessKeyId].filter((secret) => secret !== '');
}

// An address may hold a password too.
function placeOf(endpoint: string): string {
  try {
    const { protocol, host } = new URL(endpoint);
    return `${protocol}//${host}`;
  } catch {
    const message =
      'the endpoint of the object store is no address: it looks like https://s3.example.com';
    throw new MosaicError('invalid', 'store-endpoint', message);
  }
}

function infoOf(key: string, bytes: number | undefined, modified: Date | undefined): ObjectInfo {
  return { key, bytes: bytes ?? 0, modifiedAtMs: modified?.getTime() ?? 0 };
}

function base64Crc32c(bytes: Uint8Array): string {
  const sum = Buffer.allocUnsafe(4);
  sum.writeUInt32BE(crc32c(bytes, 0, bytes.length));
  return sum.toString('base64');
}
