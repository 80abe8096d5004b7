/** The options of every command that changes something: who does it, and whether it is to be done. */
import { usageError } from '@mosaic-cluster/client/command';
import type { Command } from 'commander';
import { operatorName } from '../config.ts';
import { AUDIT_NAME_BYTES_MAX } from '../audit/audit-entry.ts';
import { lineOf } from './line-of-text.ts';

/** The options that {@link addChangeOptions} adds. */
export interface ChangeOptions {
  readonly as?: string;
  readonly dryRun?: true;
}

/** How they work, for help texts. */
export const CHANGE_HELP = `
Every change is noted in the audit log together with the change itself ("mosaic-admin audit"): who made
it (--as NAME; else the user of the system), when, what, on what. With --dry-run nothing is changed.`;

/** Adds the options. */
export function addChangeOptions(command: Command): Command {
  return command
    .option('--as <name>', 'who makes the change; default: the user of the system')
    .option('--dry-run', 'only say what would be done');
}

/** Who makes the change. @throws MosaicError `invalid` (`usage`) for a name that cannot be noted */
export function operatorOf({ as }: ChangeOptions): string {
  const name = as ?? operatorName();
  if (name.trim() === '') throw usageError('--as', 'the name is empty', 'Give a name.');
  return lineOf('--as', name, AUDIT_NAME_BYTES_MAX);
}
