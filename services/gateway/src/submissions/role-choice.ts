/**
 * Which roles can have what a reader asks for. Records for everybody are in outbox and inbox,
 * private ones in encryption, so a filter's kinds often rule a role out; and encryption has
 * nothing for readers who did not say who they are.
 */
import type { RoleName } from '@mosaic-cluster/bus';
import { audienceAt, type FilterView, KIND_BYTES } from '@mosaic-cluster/protocol';

/** Which of the roles are meant: those whose records are for everybody, those with private ones. */
export type RoleShare = 'all' | 'public' | 'private';

/** The roles of a share. */
export function rolesOfShare(roles: readonly RoleName[], share: RoleShare): readonly RoleName[] {
  if (share === 'all') return roles;
  return roles.filter((role) => (role === 'encryption') === (share === 'private'));
}

/** The roles to ask for a filter's records. */
export function rolesForFilter(
  roles: readonly RoleName[],
  filter: FilterView,
  isAuthenticated: boolean,
): RoleName[] {
  const readable = rolesForReader(roles, isAuthenticated);
  const kinds = filter.element('kinds');
  if (kinds === undefined) return readable;
  let isPublic = false;
  let isPrivate = false;
  for (let at = kinds.start; at < kinds.end; at += KIND_BYTES) {
    if (audienceAt(kinds.source, at) === 'everybody') isPublic = true;
    else isPrivate = true;
  }
  return readable.filter((role) => (role === 'encryption' ? isPrivate : isPublic));
}

/** The roles to ask for records by reference. */
export function rolesForReader(roles: readonly RoleName[], isAuthenticated: boolean): RoleName[] {
  return roles.filter((role) => isAuthenticated || role !== 'encryption');
}
