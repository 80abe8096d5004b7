/**
 * How far a verification is: enough to go on with it in another process. Written to a file as a
 * whole or not at all.
 */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { causeOf, usageError } from '@mosaic-cluster/client/command';
import type { SegmentDamage } from '@mosaic-cluster/store';
import type { Finding } from './findings.ts';

/** Where a role is. `segments`: log against index; the others: index against log, a path each. */
export type Phase = 'segments' | 'all' | 'received' | 'held' | 'done';

/** What was looked at of a role. */
export interface RoleCounts {
  /** Of entries in segments, headers, footers and what is damaged left out. */
  bytes: number;
  commits: number;
  records: number;
  /** Of `records`, those whose signature was checked; of all, hash and form were. */
  signatures: number;
  /** Found by ID where they are. */
  found: number;
  /** Not found because a newer record has their address. */
  replaced: number;
  /** Not found because a revoked key signed them. */
  revoked: number;
  /** Not found because an operator removed them. */
  removed: number;
  /** Written after the index was last brought up to date. */
  unindexed: number;
  /** Records that were looked for on all of their paths. */
  paths: number;
  /** Entries of the index that lead to their records. */
  entries: number;
  /** The same on the path `received`. */
  receivedEntries: number;
  /** The same on the path `held`: they wait for a moderator. */
  heldEntries: number;
}

/** How far a role is. */
export interface RoleState {
  phase: Phase;
  /** In hex: a position in the log, or on the path that is being walked; absent: at its beginning. */
  position?: string;
  readonly counts: RoleCounts;
  /** What is damaged in the segments, up to a bound: the index may lead there. */
  readonly damages: SegmentDamage[];
}

/** How far a verification is. */
export interface VerifyState {
  readonly format: 2;
  /** What is verified, and how: another command line cannot go on with it. */
  readonly task: string;
  /** Decides which records are in the sample. */
  readonly salt: number;
  readonly roles: Record<string, RoleState>;
  /** Spent so far. */
  seconds: number;
  findings: { kept: readonly Finding[]; counts: Readonly<Record<string, number>> };
}

/** The state of a role of which nothing was looked at. */
export function newRoleState(): RoleState {
  const counts: RoleCounts = {
    bytes: 0,
    commits: 0,
    records: 0,
    signatures: 0,
    found: 0,
    replaced: 0,
    revoked: 0,
    removed: 0,
    unindexed: 0,
    paths: 0,
    entries: 0,
    receivedEntries: 0,
    heldEntries: 0,
  };
  return { phase: 'segments', counts, damages: [] };
}

/** Where a state is kept. */
export interface StateFile {
  /** What an earlier run left; undefined: there is none. */
  load(): Promise<VerifyState | undefined>;
  save(state: VerifyState): Promise<void>;
  /** Once there is nothing to go on with. */
  remove(): Promise<void>;
}

const OPTION = '--state';

/** A state in a file. Errors are usage errors of `--state`. */
export function stateFile(path: string, task: string): StateFile {
  const broken = (what: string): Error =>
    usageError(OPTION, `${path} ${what}`, 'Name another file, or remove this one to begin anew.');
  return {
    async load() {
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw broken(`cannot be read: ${causeOf(error)}`);
      });
      if (text === undefined) return undefined;
      const state = parse(text);
      if (state === undefined) throw broken('holds no state of mosaic-admin verify');
      if (state.task !== task) throw broken(`is of another verification: ${state.task}`);
      return state;
    },
    async save(state) {
      try {
        await writeWhole(path, `${JSON.stringify(state)}\n`);
      } catch (error) {
        throw broken(`cannot be written: ${causeOf(error)}`);
      }
    },
    remove: () => rm(path, { force: true }),
  };
}

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

function parse(text: string): VerifyState | undefined {
  try {
    const state = JSON.parse(text) as Partial<VerifyState> | null;
    const isWhole = state?.format === 2 && typeof state.task === 'string' && state.roles;
    return isWhole ? (state as VerifyState) : undefined;
  } catch {
    return undefined;
  }
}
