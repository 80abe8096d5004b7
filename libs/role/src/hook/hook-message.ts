/** What the server and an operator's program say to each other, a line of JSON each; docs/policy-hook.md. */
import type { RoleName, Submission } from '@mosaic-cluster/bus';
import {
  encodeUserKey,
  hexEncode,
  kindName,
  RESULT,
  type ResultCode,
  type Timestamp,
  timestampToMillis,
} from '@mosaic-cluster/protocol';

/** What a program decided on a record: a number is a refusal's result code. */
export type HookVerdict = 'accept' | 'hold' | ResultCode;

/** A line of a program, understood. */
export interface HookAnswer {
  /** Of the request. */
  readonly id: string;
  /** Undefined: the rest of the line makes no sense. */
  readonly verdict: HookVerdict | undefined;
  /** For the log; empty: none. */
  readonly message: string;
}

/** Most characters of a message that are kept. */
const MESSAGE_MAX = 200;

/** What a program may refuse with. */
export const HOOK_RESULTS = [
  'UNAUTHORIZED',
  'INVALID',
  'TOO_LARGE',
  'TOO_FAST',
  'TEMPORARY_ERROR',
] as const;

/**
 * A record as a program is asked about it. Of records that are not for everybody only what it takes to
 * count them is told: neither their content nor whom they are for.
 *
 * @param payloadBytesMax larger payloads are left out
 */
export function hookRequest(
  id: string,
  role: RoleName,
  { record, submitter }: Submission,
  receivedAt: Timestamp,
  payloadBytesMax: number,
): string {
  const { author, kind, signingKey } = record;
  const about = {
    id,
    record: hexEncode(record.id),
    role,
    kind: hexEncode(kind),
    kindName: kindName(kind) ?? null,
    author: encodeUserKey(author),
    signingKey: encodeUserKey(signingKey),
    dated: dateOf(record.timestamp),
    received: dateOf(receivedAt),
    bytes: record.bytes.length,
  };
  if (record.audience !== 'everybody') return `${JSON.stringify({ ...about, private: true })}\n`;
  const tags = [...record.tags()].map(({ type, value }) => ({ type, value: base64(value) }));
  const isWhole = record.payloadLength <= payloadBytesMax;
  const content = {
    private: false,
    submitter: submitter === undefined ? null : encodeUserKey(submitter),
    tags,
    payloadBytes: record.payloadLength,
    zstd: record.zstd,
    payload: isWhole ? base64(record.payload) : null,
  };
  return `${JSON.stringify({ ...about, ...content })}\n`;
}

/** Understands a line; undefined: it names no request. */
export function readHookAnswer(line: string): HookAnswer | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { id, action, code, message } = answer as Readonly<Record<string, unknown>>;
  if (typeof id !== 'string') return undefined;
  return {
    id,
    verdict: verdictOf(action, code),
    message: typeof message === 'string' ? message.slice(0, MESSAGE_MAX) : '',
  };
}

function verdictOf(action: unknown, code: unknown = 'UNAUTHORIZED'): HookVerdict | undefined {
  if (action === 'accept' || action === 'hold') return action;
  if (action !== 'reject') return undefined;
  const name = HOOK_RESULTS.find((each) => each === code);
  return name && RESULT[name];
}

/** Natively: payloads are long, and a record waits. */
function base64({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('base64');
}

/** To the millisecond; null: a year that calendars do not have. */
function dateOf(timestamp: Timestamp): string | null {
  const date = new Date(timestampToMillis(timestamp));
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
