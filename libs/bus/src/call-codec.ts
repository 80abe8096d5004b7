/**
 * What goes with a request and with its reply besides what is asked and answered, as bytes at the
 * end of the message, whose length is the message's fourth byte; the layouts are in docs/bus.md.
 * Processes of a release that did not know of it ignore it; they write a zero there.
 */
import { hexDecode, hexEncode, readU32, writeU32 } from '@mosaic-cluster/protocol';
import { CALL_STEPS, type CallContext, type CallReport, type CallTrace } from './contract.ts';
import { malformed } from './wire.ts';

const LENGTH_AT = 3;
const CALL_HEAD_BYTES = 4;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const TRACE_BYTES = TRACE_ID_BYTES + SPAN_ID_BYTES;
const IS_TRACED = 1;
const REPORT_HEAD_BYTES = 8;
const NAME = /^[\x21-\x7e]{1,96}$/;
const NAME_CHARACTERS_MAX = 96;
const MICROS_MAX = 0xffff_ffff;

/** Most bytes that a call's context adds to a request. */
export const CALL_BYTES_MAX: number = CALL_HEAD_BYTES + TRACE_BYTES + NAME_CHARACTERS_MAX;

/** A call's context as it crosses the bus. */
export type SentCall = Pick<CallContext, 'requestId' | 'trace'>;

/** Bytes that a call's context adds to a request. */
export function callBytes(call: SentCall | undefined): number {
  if (call === undefined) return 0;
  const { requestId, trace } = call;
  const nameBytes = Math.min(requestId.length, NAME_CHARACTERS_MAX);
  return CALL_HEAD_BYTES + (trace === undefined ? 0 : TRACE_BYTES) + nameBytes;
}

/** Writes a call's context into the last bytes of a request. */
export function writeCall(bytes: Uint8Array, call: SentCall | undefined): void {
  if (call === undefined) return;
  const { requestId, trace } = call;
  const length = callBytes(call);
  bytes[LENGTH_AT] = length;
  let at = bytes.length - length;
  bytes.fill(0, at, at + CALL_HEAD_BYTES);
  bytes[at] = trace === undefined ? 0 : IS_TRACED;
  at += CALL_HEAD_BYTES;
  if (trace !== undefined) {
    bytes.set(hexDecode(trace.traceId), at);
    bytes.set(hexDecode(trace.spanId), at + TRACE_ID_BYTES);
    at += TRACE_BYTES;
  }
  writeText(bytes, at, requestId);
}

/**
 * The context that came with a request; undefined: none did.
 *
 * @throws MosaicError `corrupt` (`bus-message`)
 */
export function readCall(bytes: Uint8Array): SentCall | undefined {
  const tail = tailOf(bytes, CALL_HEAD_BYTES);
  if (tail === undefined) return undefined;
  const isTraced = (tail[0]! & IS_TRACED) !== 0;
  const nameAt = CALL_HEAD_BYTES + (isTraced ? TRACE_BYTES : 0);
  if (nameAt > tail.length) throw malformed(`a context of ${tail.length} bytes`);
  const requestId = readText(tail, nameAt, tail.length);
  return { requestId, trace: isTraced ? readTrace(tail) : undefined };
}

/** Bytes that a report adds to a reply. */
export function reportBytes(report: CallReport | undefined): number {
  if (report === undefined) return 0;
  const nameBytes = Math.min(report.worker.length, NAME_CHARACTERS_MAX);
  return REPORT_HEAD_BYTES + 4 * CALL_STEPS.length + nameBytes;
}

/** Writes a report into the last bytes of a reply. */
export function writeReport(bytes: Uint8Array, report: CallReport | undefined): void {
  if (report === undefined) return;
  const length = reportBytes(report);
  bytes[LENGTH_AT] = length;
  let at = bytes.length - length;
  bytes.fill(0, at, at + 4);
  bytes[at] = CALL_STEPS.length;
  writeU32(bytes, at + 4, microsOf(report.tookMs));
  at += REPORT_HEAD_BYTES;
  for (const step of CALL_STEPS) {
    writeU32(bytes, at, microsOf(report.steps[step] ?? 0));
    at += 4;
  }
  writeText(bytes, at, report.worker);
}

/**
 * The report that came with a reply; undefined: none did. Steps of a later release are left out.
 *
 * @throws MosaicError `corrupt` (`bus-message`)
 */
export function readReport(bytes: Uint8Array): CallReport | undefined {
  const tail = tailOf(bytes, REPORT_HEAD_BYTES);
  if (tail === undefined) return undefined;
  const count = tail[0]!;
  const nameAt = REPORT_HEAD_BYTES + 4 * count;
  if (nameAt > tail.length) throw malformed(`a report of ${tail.length} bytes`);
  const steps: Partial<Record<(typeof CALL_STEPS)[number], number>> = {};
  CALL_STEPS.slice(0, count).forEach((step, i) => {
    const micros = readU32(tail, REPORT_HEAD_BYTES + 4 * i);
    if (micros > 0) steps[step] = micros / 1000;
  });
  const worker = readText(tail, nameAt, tail.length);
  return { worker, tookMs: readU32(tail, 4) / 1000, steps };
}

function tailOf(bytes: Uint8Array, bytesMin: number): Uint8Array | undefined {
  const length = bytes[LENGTH_AT] ?? 0;
  if (length === 0) return undefined;
  if (length < bytesMin || length > bytes.length - CALL_HEAD_BYTES) {
    throw malformed(`${length} bytes at the end of ${bytes.length}`);
  }
  return bytes.subarray(bytes.length - length);
}

function readTrace(tail: Uint8Array): CallTrace {
  const spanAt = CALL_HEAD_BYTES + TRACE_ID_BYTES;
  return {
    traceId: hexEncode(tail.subarray(CALL_HEAD_BYTES, spanAt)),
    spanId: hexEncode(tail.subarray(spanAt, spanAt + SPAN_ID_BYTES)),
  };
}

function writeText(bytes: Uint8Array, at: number, text: string): void {
  const end = Math.min(text.length, NAME_CHARACTERS_MAX);
  for (let i = 0; i < end; i++) bytes[at + i] = text.charCodeAt(i);
}

/** It ends up in logs. */
function readText(bytes: Uint8Array, from: number, to: number): string {
  const text = String.fromCharCode(...bytes.subarray(from, to));
  if (!NAME.test(text)) throw malformed('a name of other than visible ASCII characters');
  return text;
}

function microsOf(ms: number): number {
  return Math.min(Math.max(0, Math.round(ms * 1000)), MICROS_MAX);
}
