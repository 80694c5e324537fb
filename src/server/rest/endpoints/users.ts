// Endpoints below users/, roles/ and privilege_groups/.
import { z } from 'zod';
import { base64FromBytes } from '#base/base64.js';
import {
  OperatePrivilegeGroupType,
  OperatePrivilegeType,
  OperateUserRoleType,
} from '#proto/milvus/milvus.js';
import { command, type Endpoint, endpoint } from '#server/rest/endpoint.js';
import type { Request } from '#server/rest/rest-calls.js';
import { dbName, name, texts } from './shapes.js';

const anything = z.strictObject({ dbName });
const ofUser = anything.extend({ userName: name });
const ofRole = anything.extend({ roleName: name });
const ofBoth = ofUser.extend({ roleName: name });

const utf8 = new TextEncoder();
/** Passwords travel to the call as all clients send them. */
const encoded = (password: string): string => base64FromBytes(utf8.encode(password));

export const userEndpoints: readonly Endpoint[] = [
  endpoint({
    path: 'users/list',
    summary: 'Names of the users.',
    body: anything,
    calls: ['listCredUsers'],
    answer: async (_body, call) => (await call.rpc('listCredUsers', {})).usernames,
  }),
  endpoint({
    path: 'users/describe',
    summary: 'Roles of a user.',
    body: ofUser,
    calls: ['selectUser'],
    answer: async ({ userName }, call) => {
      const { results } = await call.rpc('selectUser', { user: { name: userName }, includeRoleInfo: true });
      return results.flatMap(({ roles }) => roles.map((role) => role.name));
    },
  }),
  command({
    path: 'users/create',
    summary: 'Creates a user.',
    body: ofUser.extend({ password: name }),
    rpc: 'createCredential',
    request: ({ userName, password }) => ({ username: userName, password: encoded(password) }),
  }),
  command({
    path: 'users/update_password',
    summary: 'Gives a user another password.',
    body: ofUser.extend({ password: name, newPassword: name }),
    rpc: 'updateCredential',
    request: ({ userName, password, newPassword }) => ({
      username: userName,
      oldPassword: encoded(password),
      newPassword: encoded(newPassword),
    }),
  }),
  command({
    path: 'users/drop',
    summary: 'Drops a user.',
    body: ofUser,
    rpc: 'deleteCredential',
    request: ({ userName }) => ({ username: userName }),
  }),
  command({
    path: 'users/grant_role',
    summary: 'Gives a user a role.',
    body: ofBoth,
    rpc: 'operateUserRole',
    request: ({ userName, roleName }) => ({
      username: userName,
      roleName,
      type: OperateUserRoleType.AddUserToRole,
    }),
  }),
  command({
    path: 'users/revoke_role',
    summary: 'Takes a role from a user.',
    body: ofBoth,
    rpc: 'operateUserRole',
    request: ({ userName, roleName }) => ({
      username: userName,
      roleName,
      type: OperateUserRoleType.RemoveUserFromRole,
    }),
  }),
];

const grant = ofRole.extend({ objectType: name, objectName: name, privilege: name });
const grantV2 = ofRole.extend({ privilege: name, collectionName: z.string().default('*') });

const grantRequest = (
  body: z.output<typeof grant>,
  type: OperatePrivilegeType,
  database: string,
): Request<'operatePrivilege'> => ({
  entity: {
    role: { name: body.roleName },
    object: { name: body.objectType },
    objectName: body.objectName,
    grantor: { privilege: { name: body.privilege } },
    dbName: database,
  },
  type,
});

const grantV2Request = (
  body: z.output<typeof grantV2>,
  type: OperatePrivilegeType,
  database: string,
): Request<'operatePrivilegeV2'> => ({
  role: { name: body.roleName },
  grantor: { privilege: { name: body.privilege } },
  type,
  dbName: database,
  collectionName: body.collectionName,
});

const { Grant, Revoke } = OperatePrivilegeType;

export const roleEndpoints: readonly Endpoint[] = [
  endpoint({
    path: 'roles/list',
    summary: 'Names of the roles.',
    body: anything,
    calls: ['selectRole'],
    answer: async (_body, call) => {
      const { results } = await call.rpc('selectRole', {});
      return results.map(({ role }) => role?.name ?? '');
    },
  }),
  endpoint({
    path: 'roles/describe',
    summary: 'What a role may do.',
    body: ofRole,
    calls: ['selectGrant'],
    answer: async ({ roleName }, call) => {
      const entity = { role: { name: roleName }, dbName: call.dbName };
      const { entities } = await call.rpc('selectGrant', { entity });
      return entities.map((one) => ({
        objectType: one.object?.name ?? '',
        objectName: one.objectName,
        privilege: one.grantor?.privilege?.name ?? '',
        dbName: one.dbName,
        grantor: one.grantor?.user?.name ?? '',
      }));
    },
  }),
  command({
    path: 'roles/create',
    summary: 'Creates a role.',
    body: ofRole.extend({ description: z.string().default('') }),
    rpc: 'createRole',
    request: ({ roleName, description }) => ({ entity: { name: roleName, description } }),
  }),
  command({
    path: 'roles/alter',
    summary: 'Changes the description of a role.',
    body: ofRole.extend({ description: z.string() }),
    rpc: 'alterRole',
    request: ({ roleName, description }) => ({ roleName, description }),
  }),
  command({
    path: 'roles/drop',
    summary: 'Drops a role that has no grants, or any role with forceDrop.',
    body: ofRole.extend({ forceDrop: z.boolean().default(false) }),
    rpc: 'dropRole',
    request: ({ roleName, forceDrop }) => ({ roleName, forceDrop }),
  }),
  command({
    path: 'roles/grant_privilege',
    summary: 'Lets a role do something with an object.',
    body: grant,
    rpc: 'operatePrivilege',
    request: (body, call) => grantRequest(body, Grant, call.dbName),
  }),
  command({
    path: 'roles/revoke_privilege',
    summary: 'Takes that back.',
    body: grant,
    rpc: 'operatePrivilege',
    request: (body, call) => grantRequest(body, Revoke, call.dbName),
  }),
  command({
    path: 'roles/grant_privilege_v2',
    summary: 'Lets a role use a privilege, or a group of them, in a database or a collection.',
    body: grantV2,
    rpc: 'operatePrivilegeV2',
    request: (body, call) => grantV2Request(body, Grant, call.dbName),
  }),
  command({
    path: 'roles/revoke_privilege_v2',
    summary: 'Takes that back.',
    body: grantV2,
    rpc: 'operatePrivilegeV2',
    request: (body, call) => grantV2Request(body, Revoke, call.dbName),
  }),
];

const ofGroup = anything.extend({ privilegeGroupName: name });
const ofPrivileges = ofGroup.extend({ privileges: texts });

const groupRequest = (
  body: z.output<typeof ofPrivileges>,
  type: OperatePrivilegeGroupType,
): Request<'operatePrivilegeGroup'> => ({
  groupName: body.privilegeGroupName,
  privileges: body.privileges.map((privilege) => ({ name: privilege })),
  type,
});

export const privilegeGroupEndpoints: readonly Endpoint[] = [
  command({
    path: 'privilege_groups/create',
    summary: 'Creates a group of privileges.',
    body: ofGroup,
    rpc: 'createPrivilegeGroup',
    request: ({ privilegeGroupName }) => ({ groupName: privilegeGroupName }),
  }),
  command({
    path: 'privilege_groups/drop',
    summary: 'Drops a group of privileges.',
    body: ofGroup,
    rpc: 'dropPrivilegeGroup',
    request: ({ privilegeGroupName }) => ({ groupName: privilegeGroupName }),
  }),
  endpoint({
    path: 'privilege_groups/list',
    summary: 'Groups of privileges, with what is in them.',
    body: anything,
    calls: ['listPrivilegeGroups'],
    answer: async (_body, call) => {
      const { privilegeGroups } = await call.rpc('listPrivilegeGroups', {});
      return {
        privilegeGroups: privilegeGroups.map(({ groupName, privileges }) => ({
          privilegeGroupName: groupName,
          privileges: privileges.map((privilege) => privilege.name).join(','),
        })),
      };
    },
  }),
  command({
    path: 'privilege_groups/add_privileges_to_group',
    summary: 'Adds privileges to a group.',
    body: ofPrivileges,
    rpc: 'operatePrivilegeGroup',
    request: (body) => groupRequest(body, OperatePrivilegeGroupType.AddPrivilegesToGroup),
  }),
  command({
    path: 'privilege_groups/remove_privileges_from_group',
    summary: 'Takes privileges from a group.',
    body: ofPrivileges,
    rpc: 'operatePrivilegeGroup',
    request: (body) => groupRequest(body, OperatePrivilegeGroupType.RemovePrivilegesFromGroup),
  }),
];
