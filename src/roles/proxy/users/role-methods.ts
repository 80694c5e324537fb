// Roles, who has them, and privilege groups, as clients change and list them.

import type { CallContext } from '#platform/transport.js';
import type { UsersRecord } from '#proto/elanus/data.js';
import type { UsersChange } from '#proto/elanus/roles.js';
import { OperatePrivilegeGroupType, OperateUserRoleType } from '#proto/milvus/milvus.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';

type RoleParts = Pick<ProxyParts, 'users' | 'logins'>;

export class RoleMethods {
  readonly #parts: RoleParts;

  constructor(parts: RoleParts) {
    this.#parts = parts;
  }

  async #change(change: NonNullable<UsersChange['change']>, context: CallContext): Promise<object> {
    await this.#parts.users.changeUsers({ change }, context);
    return {};
  }

  readonly createRole: PublicHandler<'createRole'> = ({ entity }, context) => {
    const value = { name: entity?.name ?? '', description: entity?.description ?? '' };
    return this.#change({ $case: 'createRole', value }, context);
  };

  readonly alterRole: PublicHandler<'alterRole'> = ({ roleName: name, description }, context) =>
    this.#change({ $case: 'alterRole', value: { name, description } }, context);

  readonly dropRole: PublicHandler<'dropRole'> = ({ roleName: name, forceDrop: force }, context) =>
    this.#change({ $case: 'dropRole', value: { name, force } }, context);

  readonly operateUserRole: PublicHandler<'operateUserRole'> = (request, context) => {
    const remove = request.type === OperateUserRoleType.RemoveUserFromRole;
    const value = { user: request.username, role: request.roleName, remove };
    return this.#change({ $case: 'bindRole', value }, context);
  };

  readonly selectRole: PublicHandler<'selectRole'> = async ({ role, includeUserInfo }, context) => {
    const { roles } = await this.#parts.logins.directory.record(context);
    const results = roles
      .filter(({ name }) => (role?.name ?? '') === '' || name === role?.name)
      .map(({ name, description, users }) => ({
        role: { name, description },
        users: includeUserInfo ? users.map((user) => ({ name: user })) : [],
      }));
    return { results };
  };

  readonly selectUser: PublicHandler<'selectUser'> = async ({ user, includeRoleInfo }, context) => {
    const record = await this.#parts.logins.directory.record(context);
    const results = record.users
      .filter(({ name }) => (user?.name ?? '') === '' || name === user?.name)
      .map(({ name, description }) => ({
        user: { name },
        roles: includeRoleInfo ? rolesOf(record, name) : [],
        description,
      }));
    return { results };
  };

  readonly createPrivilegeGroup: PublicHandler<'createPrivilegeGroup'> = ({ groupName }, context) =>
    this.#change({ $case: 'createGroup', value: groupName }, context);

  readonly dropPrivilegeGroup: PublicHandler<'dropPrivilegeGroup'> = ({ groupName }, context) =>
    this.#change({ $case: 'dropGroup', value: groupName }, context);

  readonly operatePrivilegeGroup: PublicHandler<'operatePrivilegeGroup'> = (request, context) => {
    const remove = request.type === OperatePrivilegeGroupType.RemovePrivilegesFromGroup;
    const privileges = request.privileges.map(({ name }) => name);
    return this.#change(
      { $case: 'changeGroup', value: { name: request.groupName, privileges, remove } },
      context,
    );
  };

  /** Those that users made; the ones that every database has are in the documents. */
  readonly listPrivilegeGroups: PublicHandler<'listPrivilegeGroups'> = async (_request, context) => {
    const { groups } = await this.#parts.logins.directory.record(context);
    const privilegeGroups = groups.map(({ name, privileges }) => ({
      groupName: name,
      privileges: privileges.map((privilege) => ({ name: privilege })),
    }));
    return { privilegeGroups };
  };
}

/** Those that it was given. */
export const rolesOf = ({ roles }: UsersRecord, user: string): { name: string; description: string }[] =>
  roles.filter((role) => role.users.includes(user)).map(({ name, description }) => ({ name, description }));
