/**
 * What other commands of the project take from `mosaic`, so that all of them read arguments, show
 * progress and end in one way.
 */
export { parseWhole } from './connection-options.ts';
export { count } from './display-text.ts';
export {
  EXIT,
  type ExitCode,
  interruptedError,
  isUsageError,
  usageError,
} from './exit-code.ts';
export { type Host, processHost } from './host.ts';
export { causeOf } from './host-streams.ts';
export type { Paint } from './paint.ts';
export { collect } from './repeatable.ts';
export { laidOut, runProgram } from './run-program.ts';
export { StatusLine } from './status-line.ts';
