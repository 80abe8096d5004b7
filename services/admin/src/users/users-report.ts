/** Says who is registered, and what is held for users: for people, or as JSON. */
import { count, type Json, type Paint, safeText } from '@mosaic-cluster/client/command';
import { encodeUserKey } from '@mosaic-cluster/protocol';
import type { RegisteredUser } from '@mosaic-cluster/role';
import { size } from '../output/progress.ts';
import type { HeldFor, PathTotals } from '../place/held-for.ts';
import type { ShownUser } from './show-users.ts';

/** That rules are those of the command's environment, in a sentence. */
export function rulesHereText(why: string): string {
  return `quotas and MOSAIC_USERS are told as they are set here, because ${why}`;
}

/** A user on one line. */
export function userLine({ key, note, addedBy, changedAtMs }: RegisteredUser): string {
  const by = addedBy === '' ? '' : ` by ${safeText(addedBy)}`;
  const text = note === '' ? '' : `  ${safeText(note)}`;
  return `${encodeUserKey(key)}  ${new Date(changedAtMs).toISOString()}${by}${text}\n`;
}

/** A user for programs. */
export function userJson({ key, note, addedBy, changedAtMs }: RegisteredUser): Json {
  return {
    key: encodeUserKey(key),
    note,
    addedBy,
    changedAt: new Date(changedAtMs).toISOString(),
  };
}

/** A user and what is held, for people. */
export function shownText(
  { key, registered, isAlwaysUser, held }: ShownUser,
  paint: Paint,
): string {
  const lines = [paint.bold(encodeUserKey(key))];
  if (isAlwaysUser) lines.push('  registered by MOSAIC_USERS');
  if (registered === undefined) {
    if (!isAlwaysUser) lines.push('  not registered');
  } else {
    const { note, addedBy, changedAtMs } = registered;
    const by = addedBy === '' ? '' : ` by ${safeText(addedBy)}`;
    lines.push(`  registered ${new Date(changedAtMs).toISOString()}${by}`);
    if (note !== '') lines.push(`  note       ${safeText(note)}`);
  }
  lines.push(...held.map(heldLine));
  return `${lines.join('\n')}\n`;
}

/** What a role holds, on one line. */
export function heldLine({ role, written, quota, addressed }: HeldFor): string {
  const share = quota === undefined ? '' : `, ${percentOf(written.bytes, quota)} of ${size(quota)}`;
  return `  ${role.padEnd(10)} ${totalsText(written)} of theirs${share}, ${totalsText(addressed)} to them`;
}

function percentOf(bytes: number, quota: number): string {
  return `${quota === 0 ? 100 : Math.round((100 * bytes) / quota)} %`;
}

function totalsText({ records, bytes, hasMore }: PathTotals): string {
  if (records === 0) return 'nothing';
  return `${hasMore ? 'more than ' : ''}${count(records, 'record')} (${size(bytes)})`;
}

/** A user and what is held, for programs. */
export function shownJson({ key, registered, isAlwaysUser, held }: ShownUser): Json {
  return {
    key: encodeUserKey(key),
    bySetting: isAlwaysUser,
    registered: registered === undefined ? null : userJson(registered),
    held: heldJson(held),
  };
}

/** What is held, by role, for programs. */
export function heldJson(held: readonly HeldFor[]): Json {
  const roles = held.map(({ role, written, quota, addressed }): [string, Json] => [
    role,
    { written: { ...written }, quota: quota ?? null, addressed: { ...addressed } },
  ]);
  return Object.fromEntries(roles);
}
