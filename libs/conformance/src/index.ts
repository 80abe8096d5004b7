/** A conformance suite for any Mosaic server: named checks over real sockets, each with its rule. */
export { allChecks } from './all-checks.ts';
export { type Check, CheckFailure, CheckSkip, type Rule } from './check.ts';
export { EXIT, type Output, runCommand } from './command.ts';
export { type Identity, identityOf } from './identity.ts';
export { citeRule, jsonReport, resultLine, type Totals, totalsLine, totalsOf } from './report.ts';
export { type CheckResult, runChecks, type RunOptions } from './runner.ts';
export { findFacts, type ServerFacts, type ServerHints } from './server-facts.ts';
export { parseTarget, type Target, UsageError } from './target.ts';
export { type Corruption, type Fault } from './wrong-server/fault.ts';
export { faults } from './wrong-server/faults.ts';
export { startWrongServer, type WrongServer } from './wrong-server/proxy.ts';
