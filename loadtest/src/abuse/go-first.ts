/**
 * Takes priority over other programs, where it is given: on a busy machine it is they who decide how
 * long anything takes. What this process starts inherits it, but the attacker, who goes last.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

/** Linux shares processors among sessions before it looks at the priority of their processes. */
const SESSION = '/proc/self/autogroup';

/** Undoes it. */
export interface Priority {
  restore(): void;
}

/** Takes it; undefined: it is not given to this user, or not on this system. */
export function goFirst(): Priority | undefined {
  const before = getPriority();
  try {
    setPriority(constants.priority.PRIORITY_HIGH);
  } catch {
    return undefined;
  }
  const session = sessionPriority();
  if (session !== undefined) writeFileSync(SESSION, `${constants.priority.PRIORITY_HIGH}`);
  return {
    restore: () => {
      setPriority(before);
      if (session !== undefined) writeFileSync(SESSION, session);
    },
  };
}

/** That of the session, where sessions have one. */
function sessionPriority(): string | undefined {
  try {
    return /nice (-?\d+)/.exec(readFileSync(SESSION, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
