/**
 * What other commands of the project take from `mosaic`, so that all of them read arguments, show
 * progress and end in one way.
 */
export { parseWhole } from './connection-options.ts';
export { count, safeText } from './display-text.ts';
export {
  blaming,
  EXIT,
  type ExitCode,
  interruptedError,
  isUsageError,
  usageError,
} from './exit-code.ts';
export { type Host, processHost } from './host.ts';
export { causeOf } from './host-streams.ts';
export { describeRecord } from './inspect-record.ts';
export { parseMoment } from './moment.ts';
export type { Paint } from './paint.ts';
export { parsePublicKey, parseReference } from './parse-key.ts';
export { parseKind } from './parse-kind.ts';
export { jsonLine, recordText } from './record-lines.ts';
export { collect } from './repeatable.ts';
export type { Json } from './report.ts';
export { reportJson } from './report-json.ts';
export { reportText } from './report-text.ts';
export { laidOut, runProgram } from './run-program.ts';
export { StatusLine } from './status-line.ts';
