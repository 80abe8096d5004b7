/**
 * Says what went wrong with Redis in terms that a caller can act on, and nothing else: the errors of
 * the driver carry the commands with all their arguments, passwords and private records among them.
 */
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';

const TEXT_CHARS_MAX = 200;

interface Explanation {
  readonly code: string;
  readonly what: string;
}

const NOT_READY: Explanation = { code: 'redis-not-ready', what: 'Redis does not serve yet' };
const FULL: Explanation = {
  code: 'redis-full',
  what: 'Redis has no room left: raise maxmemory or add masters',
};
const REFUSED: Explanation = {
  code: 'redis-refused',
  what: 'Redis refuses this user: check user name, password and ACL',
};

/** What the first word of an answered error means. */
const ANSWERS: ReadonlyMap<string, Explanation> = new Map([
  ['OOM', FULL],
  ['MISCONF', FULL],
  ['NOAUTH', REFUSED],
  ['WRONGPASS', REFUSED],
  ['NOPERM', REFUSED],
  ['LOADING', NOT_READY],
  ['BUSY', NOT_READY],
  ['MASTERDOWN', NOT_READY],
  ['CLUSTERDOWN', NOT_READY],
  ['TRYAGAIN', NOT_READY],
  ['READONLY', NOT_READY],
  ['NOREPLICAS', NOT_READY],
  ['MOVED', NOT_READY],
  ['ASK', NOT_READY],
]);

/** What a script meets whose slot is on its way to another node; other errors begin with ERR too. */
const MOVING = /^ERR Script attempted to access a non local key/;

/** A call took longer than it may. */
export function redisTimeout(timeoutMs: number): MosaicError {
  const message = `Redis did not answer within ${timeoutMs} ms`;
  return new MosaicError('unavailable', 'redis-timeout', message);
}

/** Too much waits for answers. */
export function redisBusy(pendingMax: number): MosaicError {
  const message = `more than ${pendingMax} commands wait for Redis: try again later`;
  return new MosaicError('limited', 'redis-busy', message);
}

/** The word that opens the message of an error that Redis answered; undefined: it is another. */
export function answeredError(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined;
  return /^[A-Z]+/.exec(error.message)?.[0] ?? 'ERR';
}

/**
 * The error to throw for one that the driver threw: `unavailable` (`redis-unreachable`,
 * `redis-timeout`, `redis-not-ready`, `redis-full`, `redis-refused`), `corrupt` (`index-corrupt`) or
 * `internal` (`redis-failed`).
 * It has no `cause`: see above.
 */
export function redisFailure(thrown: unknown): MosaicError {
  if (isMosaicError(thrown)) return thrown;
  const error = reasonOf(thrown);
  const text = printable(error instanceof Error ? error.message : String(error));
  const word = answeredError(error);
  if (word !== undefined) {
    if (word === 'CORRUPT') {
      const message = `what Redis holds is damaged: empty it and rebuild the index (${text})`;
      return new MosaicError('corrupt', 'index-corrupt', message);
    }
    const known = MOVING.test(text) ? NOT_READY : ANSWERS.get(word);
    if (known !== undefined) {
      return new MosaicError('unavailable', known.code, `${known.what} (${text})`);
    }
    return new MosaicError('internal', 'redis-failed', `Redis answered with an error: ${text}`);
  }
  if (text === 'Command timed out') {
    return new MosaicError('unavailable', 'redis-timeout', 'Redis did not answer in time');
  }
  return new MosaicError('unavailable', 'redis-unreachable', `Redis cannot be reached (${text})`);
}

/** Of a cluster the driver says that all its nodes failed; why, the last of them has said. */
function reasonOf(error: unknown): unknown {
  if (!(error instanceof Error) || !('lastNodeError' in error)) return error;
  return error.lastNodeError instanceof Error ? error.lastNodeError : error;
}

/** Printable ASCII only, short, and without what a URL says of a user. */
function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/\/\/[^/@\s]*@/g, '//')
    .slice(0, TEXT_CHARS_MAX);
}
