// All users, roles, grants and groups at once: out as a backup with the hashes of passwords, and back in as one change. Root and the roles
// that every database has are not in it, but who has those roles is.
import { ElanusError } from '#base/errors.js';
import { isDefaultRole, ROOT } from '#model/rights/users-record.js';
import type { CallContext } from '#platform/transport.js';
import type { RoleRecord, UsersRecord } from '#proto/elanus/data.js';
import type { RBACMeta } from '#proto/milvus/milvus.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { grantEntity, grantOf } from './grant-methods.js';
import { rolesOf } from './role-methods.js';

type BackupParts = Pick<ProxyParts, 'users' | 'logins'>;

export class BackupMethods {
  readonly #parts: BackupParts;

  constructor(parts: BackupParts) {
    this.#parts = parts;
  }

  readonly backupRBAC: PublicHandler<'backupRBAC'> = async (_request, context) => {
    const record = await this.#parts.logins.directory.record(context);
    const own = record.roles.filter(({ name }) => !isDefaultRole(name));
    return {
      RBACMeta: {
        users: record.users
          .filter(({ name }) => name !== ROOT)
          .map(({ name, passwordHash }) => ({
            user: name,
            password: passwordHash,
            roles: rolesOf(record, name),
          })),
        roles: own.map(({ name, description }) => ({ name, description })),
        grants: own.flatMap((role) => role.grants.map((grant) => grantEntity(role.name, grant))),
        privilegeGroups: record.groups.map(({ name, privileges }) => ({
          groupName: name,
          privileges: privileges.map((privilege) => ({ name: privilege })),
        })),
      },
    };
  };

  readonly restoreRBAC: PublicHandler<'restoreRBAC'> = async ({ RBACMeta: meta }, context) => {
    if (meta === undefined)
      throw new ElanusError('invalid_parameter', 'the RBAC meta in the request is empty: invalid parameter');
    const value = backupOf(meta, context);
    await this.#parts.users.changeUsers({ change: { $case: 'restore', value } }, context);
    return {};
  };
}

function backupOf(meta: RBACMeta, context: CallContext): UsersRecord {
  const roles = new Map<string, RoleRecord>();
  const roleNamed = (name: string): RoleRecord => {
    const role = roles.get(name);
    if (role !== undefined) return role;
    if (!isDefaultRole(name))
      throw new ElanusError(
        'refused',
        `the backup names role ${name.slice(0, 64)}, which is not among its roles`,
      );
    const known = { name, description: '', users: [], grants: [] };
    roles.set(name, known);
    return known;
  };
  for (const { name, description } of meta.roles)
    roles.set(name, { name, description, users: [], grants: [] });
  for (const { user, roles: names } of meta.users)
    for (const { name } of names) roleNamed(name).users.push(user);
  for (const entity of meta.grants) roleNamed(entity.role?.name ?? '').grants.push(grantOf(entity, context));
  return {
    users: meta.users.map(({ user, password }) => ({
      name: user,
      passwordHash: password,
      description: '',
      createdTimestamp: 0n,
      tags: {},
    })),
    roles: [...roles.values()],
    groups: meta.privilegeGroups.map(({ groupName, privileges }) => ({
      name: groupName,
      privileges: privileges.map(({ name }) => name),
    })),
  };
}
