// Groups of privileges that users make.
import { ElanusError } from '#base/errors.js';
import type { PrivilegeGroupRecord, UsersRecord } from '#proto/elanus/data.js';
import { builtInGroup, isPrivilege, levelOf } from './privileges.js';
import { checkNameOf } from './user-names.js';

const GROUPS_MAX = 100;
type Groups = readonly PrivilegeGroupRecord[];

export function createGroup(groups: Groups, name: string): PrivilegeGroupRecord[] {
  checkNameOf('group', name);
  if (isPrivilege(name) || builtInGroup(name) !== undefined || name === 'All')
    throw new ElanusError(
      'invalid_parameter',
      `the privilege group name [${name}] is defined by built in privileges or privilege groups in system: invalid parameter`,
    );
  if (groups.some((group) => group.name === name))
    throw new ElanusError('invalid_parameter', `privilege group [${name}] already exists: invalid parameter`);
  if (groups.length >= GROUPS_MAX)
    throw new ElanusError(
      'refused',
      `the number of privilege groups has reached the limit ${GROUPS_MAX}; drop some first`,
    );
  return [...groups, { name, privileges: [] }];
}

/** One that is not there is gone already; one that is granted stays. */
export function dropGroup({ groups, roles }: UsersRecord, name: string): PrivilegeGroupRecord[] {
  const user = roles.find(({ grants }) => grants.some(({ privilege }) => privilege === name));
  if (user !== undefined && groups.some((group) => group.name === name))
    throw new ElanusError(
      'invalid_parameter',
      `privilege group [${name}] is used by role [${user.name}], Use REVOKE API to revoke it first: invalid parameter`,
    );
  return groups.filter((group) => group.name !== name);
}

export function changeGroup(
  { groups }: UsersRecord,
  change: { readonly name: string; readonly privileges: readonly string[]; readonly remove: boolean },
): PrivilegeGroupRecord[] {
  const group = groups.find(({ name }) => name === change.name);
  if (group === undefined)
    throw new ElanusError(
      'invalid_parameter',
      `there is no privilege group name [${change.name.slice(0, 64)}] defined in system to operate: invalid parameter`,
    );
  const named = new Set(change.privileges.flatMap((name) => membersOf(groups, name)));
  const privileges = change.remove
    ? group.privileges.filter((name) => !named.has(name))
    : [...new Set([...group.privileges, ...named])];
  const levels = new Set(privileges.map(levelOf));
  if (levels.size > 1)
    throw new ElanusError(
      'invalid_parameter',
      'privileges are not the same privilege level; a group has privileges of collections, of databases or of the cluster: invalid parameter',
    );
  // What a granted group gains reaches no further than its grants: those of one database never cover the cluster (rights.ts).
  return groups.map((other) => (other === group ? { ...group, privileges } : other));
}

/** A privilege, or those of another group. */
function membersOf(groups: Groups, name: string): readonly string[] {
  const group = groups.find((candidate) => candidate.name === name)?.privileges ?? builtInGroup(name);
  if (group !== undefined) return group;
  if (isPrivilege(name) && levelOf(name) !== undefined) return [name];
  throw new ElanusError(
    'invalid_parameter',
    `there is no privilege name or privilege group name [${name.slice(0, 64)}] defined in system to operate: invalid parameter`,
  );
}
