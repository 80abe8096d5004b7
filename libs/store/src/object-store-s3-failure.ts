/**
 * What went wrong with a request to S3: as an error that an operator understands, without anything
 * secret, and whether to try again.
 */
import { MosaicError } from '@mosaic-cluster/protocol';

/** The request that failed. */
export interface FailedRequest {
  /** The store in words. */
  readonly store: string;
  /** The key, or what else was asked for. */
  readonly subject: string;
  /** Strings that must not show up in messages. */
  readonly secrets: readonly string[];
}

/** A failed request, understood. */
export interface S3Failure {
  readonly error: MosaicError;
  /** `slowly`: the store asks for fewer requests. */
  readonly retry: 'never' | 'soon' | 'slowly';
}

type Verdict = readonly [
  kind: 'unavailable' | 'unauthorized' | 'not-found' | 'conflict' | 'closed',
  code: string,
  retry: S3Failure['retry'],
  sentence: string,
];

const DENIED: Verdict = [
  'unauthorized',
  'store-denied',
  'never',
  'refuses the credentials: check the access key, its secret and what it may do',
];
const NO_CREDENTIALS: Verdict = [
  'unauthorized',
  'store-denied',
  'never',
  'needs credentials and none were found: configure an access key, or give the machine a role',
];
const NO_BUCKET: Verdict = [
  'unavailable',
  'store-bucket',
  'never',
  'does not exist: create the bucket or correct its name',
];
const OTHER_REGION: Verdict = [
  'unavailable',
  'store-region',
  'never',
  'is in another region: configure the region of the bucket',
];
const FULL: Verdict = ['unavailable', 'store-full', 'never', 'has no space left: make room'];
const THROTTLED: Verdict = ['unavailable', 'store-throttled', 'slowly', 'asks for fewer requests'];
const DAMAGED: Verdict = [
  'unavailable',
  'store-checksum',
  'soon',
  'received other bytes than were sent: something on the way damages them',
];
const SKEWED: Verdict = [
  'unavailable',
  'store-clock',
  'soon',
  'refuses requests because the clocks differ: set the clock of this machine',
];
const RACED: Verdict = ['unavailable', 'store-raced', 'soon', 'is busy with another such write'];
const TIMEOUT: Verdict = ['unavailable', 'store-timeout', 'soon', 'did not answer in time'];
const UNREACHABLE: Verdict = ['unavailable', 'store-unreachable', 'soon', 'cannot be reached'];
const FAILED: Verdict = ['unavailable', 'store-failed', 'soon', 'failed'];
const REFUSED: Verdict = ['unavailable', 'store-failed', 'never', 'refuses the request'];

const BY_NAME: ReadonlyMap<string, Verdict> = new Map([
  ['NoSuchBucket', NO_BUCKET],
  ['InvalidBucketName', NO_BUCKET],
  ['AccessDenied', DENIED],
  ['InvalidAccessKeyId', DENIED],
  // What versitygw calls an access key that it does not know.
  ['XAdminUserNotFound', DENIED],
  ['SignatureDoesNotMatch', DENIED],
  ['ExpiredToken', DENIED],
  ['InvalidToken', DENIED],
  ['CredentialsProviderError', NO_CREDENTIALS],
  ['PermanentRedirect', OTHER_REGION],
  ['AuthorizationHeaderMalformed', OTHER_REGION],
  ['InsufficientCapacity', FULL],
  ['QuotaExceeded', FULL],
  ['SlowDown', THROTTLED],
  ['TooManyRequests', THROTTLED],
  ['RequestLimitExceeded', THROTTLED],
  ['Throttling', THROTTLED],
  ['ThrottlingException', THROTTLED],
  ['BadDigest', DAMAGED],
  ['InvalidDigest', DAMAGED],
  ['XAmzContentSHA256Mismatch', DAMAGED],
  ['XAmzContentChecksumMismatch', DAMAGED],
  ['RequestTimeTooSkewed', SKEWED],
  ['ConditionalRequestConflict', RACED],
  ['OperationAborted', RACED],
  ['RequestTimeout', TIMEOUT],
  ['TimeoutError', TIMEOUT],
]);

const BY_STATUS: ReadonlyMap<number, Verdict> = new Map([
  [301, OTHER_REGION],
  [401, DENIED],
  [403, DENIED],
  [408, TIMEOUT],
  [409, RACED],
  [429, THROTTLED],
  [503, THROTTLED],
  [507, FULL],
]);

/** Makes an error of what the S3 client threw. */
export function s3Failure(thrown: unknown, request: FailedRequest): S3Failure {
  const { name, status, text, requestId } = detailsOf(thrown);
  const { store, subject } = request;
  if (name === 'NoSuchKey' || (name === 'NotFound' && status === 404)) {
    const message = `there is no object ${subject} in ${store}`;
    return { error: new MosaicError('not-found', 'object', message), retry: 'never' };
  }
  if (name === 'PreconditionFailed' || status === 412) {
    const message = `there is an object ${subject} in ${store} already`;
    return { error: new MosaicError('conflict', 'object-exists', message), retry: 'never' };
  }
  const [kind, code, retry, sentence] = verdictOf(name, status);
  const parts = [name];
  if (status !== undefined) parts.push(`status ${status}`);
  if (status === undefined && text !== '') parts.push(text);
  if (requestId !== undefined) parts.push(`request ${requestId}`);
  const message = redacted(`${store} ${sentence} (${subject}: ${parts.join(', ')})`, request);
  // Without the cause: it holds the request with its signature.
  return { error: new MosaicError(kind, code, message), retry };
}

/** Whether the range that was asked for starts behind the object's end. */
export function isBehindEnd(thrown: unknown): boolean {
  const { name, status } = detailsOf(thrown);
  return name === 'InvalidRange' || status === 416;
}

function verdictOf(name: string, status: number | undefined): Verdict {
  const named = BY_NAME.get(name);
  if (named !== undefined) return named;
  if (status === undefined) return UNREACHABLE;
  return BY_STATUS.get(status) ?? (status >= 500 ? FAILED : REFUSED);
}

interface Details {
  readonly name: string;
  readonly status: number | undefined;
  readonly text: string;
  readonly requestId: string | undefined;
}

function detailsOf(thrown: unknown): Details {
  if (!(thrown instanceof Error)) {
    return { name: 'error', status: undefined, text: String(thrown), requestId: undefined };
  }
  const metadata = '$metadata' in thrown ? thrown.$metadata : undefined;
  const has = typeof metadata === 'object' && metadata !== null ? metadata : {};
  const status = 'httpStatusCode' in has ? has.httpStatusCode : undefined;
  const requestId = 'requestId' in has ? has.requestId : undefined;
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
  return {
    name: thrown.name === 'Error' && code !== undefined ? code : thrown.name,
    status: typeof status === 'number' ? status : undefined,
    text: thrown.message,
    requestId: typeof requestId === 'string' ? requestId : undefined,
  };
}

function redacted(message: string, { secrets }: FailedRequest): string {
  let safe = message;
  for (const secret of secrets) if (secret !== '') safe = safe.replaceAll(secret, '…');
  return safe;
}
