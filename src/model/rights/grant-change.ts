// Grants of a role: given, taken, and checked against the privileges and groups that there are.
import { ElanusError } from '#base/errors.js';
import type { GrantRecord, PrivilegeGroupRecord, RoleRecord } from '#proto/elanus/data.js';
import {
  ALL_PRIVILEGES,
  ANY,
  belongsTo,
  builtInGroup,
  isObjectType,
  isPrivilege,
  levelOf,
  type PrivilegeLevel,
} from './privileges.js';

const NAME_LENGTH_MAX = 255;

export const sameGrant = (a: GrantRecord, b: GrantRecord): boolean =>
  a.privilege === b.privilege &&
  a.objectName === b.objectName &&
  a.database === b.database &&
  a.objectType === b.objectType;

/** Who has it already, or no longer, is as asked. @throws ElanusError */
export function changeGrant(
  role: RoleRecord,
  groups: readonly PrivilegeGroupRecord[],
  {
    grant,
    revoke,
  }: { readonly role: string; readonly grant?: GrantRecord | undefined; readonly revoke: boolean },
): RoleRecord {
  if (grant === undefined) throw new ElanusError('invalid_parameter', 'the entity in the request is nil');
  checkGrant(grant, groups);
  const others = role.grants.filter((other) => !sameGrant(other, grant));
  if (revoke) return { ...role, grants: others };
  return others.length < role.grants.length ? role : { ...role, grants: [...role.grants, grant] };
}

function checkGrant(grant: GrantRecord, groups: readonly PrivilegeGroupRecord[]): void {
  const { objectType, objectName, database, privilege } = grant;
  if (!isObjectType(objectType))
    throw new ElanusError(
      'refused',
      `not found the object type[name: ${objectType.slice(0, 64)}], supported the object types: [Global, User, Collection]`,
    );
  if (objectName === '' || objectName.length > NAME_LENGTH_MAX || database.length > NAME_LENGTH_MAX)
    throw new ElanusError(
      'invalid_parameter',
      `the object name in the request is empty or longer than ${NAME_LENGTH_MAX} characters: invalid parameter`,
    );
  const members = groups.find(({ name }) => name === privilege)?.privileges ?? builtInGroup(privilege);
  if (members !== undefined) {
    checkLevel(grant, levelOfGroup(members));
    return;
  }
  if (privilege === ALL_PRIVILEGES || privilege === ANY) return;
  if (!isPrivilege(privilege) || !belongsTo(privilege, objectType))
    throw new ElanusError(
      'refused',
      `not found the privilege name[${privilege.slice(0, 64)}] in object[${objectType}]`,
    );
}

/** The widest level of what is in it; groups of old clients mix levels and may be granted anywhere. */
const levelOfGroup = (members: readonly string[]): PrivilegeLevel | undefined => {
  const levels = new Set(members.map(levelOf));
  return levels.size === 1 ? [...levels][0] : undefined;
};

/** A group of the cluster is granted on everything, one of databases on whole databases. */
function checkLevel(
  { database, objectName, privilege }: GrantRecord,
  level: PrivilegeLevel | undefined,
): void {
  const refuse = (fact: string): never => {
    throw new ElanusError(
      'invalid_parameter',
      `${fact} for the ${level} level privilege: ${privilege}: invalid parameter`,
    );
  };
  if (level === 'cluster' && (database !== ANY || objectName !== ANY))
    refuse('dbName and collectionName should be *');
  if (level === 'database' && objectName !== ANY) refuse('collectionName should be *');
  if (level === 'collection' && database === ANY && objectName !== ANY)
    refuse('please specify database name');
}
