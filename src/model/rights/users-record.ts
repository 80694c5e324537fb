// The record of users, roles and groups, and every change of it: a pure function from the record and a change to the next record. Root-coord
// makes each durable with one write.
import { ElanusError } from '#base/errors.js';
import type { RoleRecord, UserRecord, UsersRecord } from '#proto/elanus/data.js';
import type { UsersChange } from '#proto/elanus/roles.js';
import { changeGrant, sameGrant } from './grant-change.js';
import { changeGroup, createGroup, dropGroup } from './group-change.js';
import { ANY } from './privileges.js';
import { checkDescription, checkNameOf, checkUserName, isPasswordHash } from './user-names.js';
import { changedTags } from './user-tags.js';

export const ROOT = 'root';
/** What root has in a new database, until it is changed. */
export const DEFAULT_PASSWORD = 'Milvus';
export const ROLE_ADMIN = 'admin';
export const ROLE_PUBLIC = 'public';
const defaultRoles: ReadonlySet<string> = new Set([ROLE_ADMIN, ROLE_PUBLIC]);
export const isDefaultRole = (name: string): boolean => defaultRoles.has(name);

const USERS_MAX = 1000;
const ROLES_MAX = 100;
/** All roles together. */
const GRANTS_MAX = 10_000;

const publicGrants = (['DescribeCollection', 'ListAliases', 'IndexDetail'] as const).map((privilege) => ({
  objectType: privilege === 'IndexDetail' ? 'Collection' : 'Global',
  objectName: ANY,
  database: ANY,
  privilege,
  grantor: ROOT,
}));

/** What a database has whose users were never changed. */
export const initialUsers: UsersRecord = {
  users: [{ name: ROOT, passwordHash: '', description: '', createdTimestamp: 0n, tags: {} }],
  roles: [
    { name: ROLE_ADMIN, description: '', users: [], grants: [] },
    { name: ROLE_PUBLIC, description: '', users: [], grants: publicGrants },
  ],
  groups: [],
};

type Change = NonNullable<UsersChange['change']>;

export interface ChangeFacts {
  /** When users were created that the change creates. */
  readonly timestamp: bigint;
}

/** @throws ElanusError, with the texts of Milvus, for a change that cannot be made */
export function changedUsers(record: UsersRecord, change: Change, facts: ChangeFacts): UsersRecord {
  const next = applied(record, change, facts);
  const grants = next.roles.reduce((sum, role) => sum + role.grants.length, 0);
  if (grants > GRANTS_MAX)
    throw new ElanusError(
      'refused',
      `unable to grant the privilege because the number of grants has reached the limit ${GRANTS_MAX}; grant groups of privileges, or on *`,
    );
  return next;
}

function applied(record: UsersRecord, change: Change, facts: ChangeFacts): UsersRecord {
  switch (change.$case) {
    case 'createUser':
      return createUser(record, { ...change.value, createdTimestamp: facts.timestamp, tags: {} });
    case 'updateUser': {
      const { name, passwordHash, passwordHashBefore, description } = change.value;
      const user = userOf(record, name);
      if (passwordHashBefore !== undefined && passwordHashBefore !== user.passwordHash) return record;
      if (description !== undefined) checkDescription(description);
      const next = {
        ...user,
        passwordHash: passwordHash ?? user.passwordHash,
        description: description ?? user.description,
      };
      return { ...record, users: record.users.map((other) => (other === user ? next : other)) };
    }
    case 'changeTags': {
      const { user: name, set, deletedKeys } = change.value;
      const user = userOf(record, name);
      const next = { ...user, tags: changedTags(user, set, deletedKeys) };
      return { ...record, users: record.users.map((other) => (other === user ? next : other)) };
    }
    case 'dropUser':
      return dropUser(record, change.value);
    case 'createRole':
      return createRole(record, change.value);
    case 'alterRole': {
      const { name, description } = change.value;
      checkDescription(description);
      return withRole(record, { ...roleOf(record, name), description });
    }
    case 'dropRole':
      return dropRole(record, change.value.name, change.value.force);
    case 'bindRole':
      return bindRole(record, change.value);
    case 'changeGrant': {
      const role = roleOf(record, change.value.role);
      return withRole(record, changeGrant(role, record.groups, change.value));
    }
    case 'createGroup':
      return { ...record, groups: createGroup(record.groups, change.value) };
    case 'dropGroup':
      return { ...record, groups: dropGroup(record, change.value) };
    case 'changeGroup':
      return { ...record, groups: changeGroup(record, change.value) };
    case 'restore':
      return restored(record, change.value, facts);
  }
}

/** @throws refused */
export function roleOf(record: UsersRecord, name: string): RoleRecord {
  const role = record.roles.find((candidate) => candidate.name === name);
  if (role === undefined)
    throw new ElanusError(
      'refused',
      "not found the role, maybe the role isn't existed or internal system error",
    );
  return role;
}

function userOf(record: UsersRecord, name: string): UserRecord {
  const user = record.users.find((candidate) => candidate.name === name);
  if (user === undefined)
    throw new ElanusError(
      'refused',
      "not found the user, maybe the user isn't existed or internal system error",
    );
  return user;
}

const withRole = (record: UsersRecord, role: RoleRecord): UsersRecord => ({
  ...record,
  roles: record.roles.map((other) => (other.name === role.name ? role : other)),
});

function createUser(record: UsersRecord, user: UserRecord): UsersRecord {
  checkUserName(user.name);
  checkDescription(user.description);
  if (user.passwordHash === '' || !isPasswordHash(user.passwordHash))
    throw new ElanusError(
      'invalid_parameter',
      `the password of user ${user.name} is no bcrypt hash of a cost from 4 to 12, expected what a backup has: invalid parameter`,
    );
  if (record.users.some(({ name }) => name === user.name))
    throw new ElanusError('refused', `user already exists: ${user.name}`);
  if (record.users.length >= USERS_MAX)
    throw new ElanusError(
      'refused',
      `unable to add user because the number of users has reached the limit ${USERS_MAX}; delete some first`,
    );
  return { ...record, users: [...record.users, user] };
}

/** Its roles forget it: a later user of that name begins with nothing. One that is not there is gone already. */
function dropUser(record: UsersRecord, name: string): UsersRecord {
  if (name === ROOT) throw new ElanusError('not_permitted', 'user root cannot be deleted');
  return {
    ...record,
    users: record.users.filter((user) => user.name !== name),
    roles: record.roles.map((role) => ({
      ...role,
      users: role.users.filter((user) => user !== name),
      grants: role.grants.filter((grant) => grant.objectType !== 'User' || grant.objectName !== name),
    })),
  };
}

function createRole(
  record: UsersRecord,
  { name, description }: { name: string; description: string },
): UsersRecord {
  checkNameOf('role', name);
  checkDescription(description);
  if (record.roles.some((role) => role.name === name))
    throw new ElanusError('refused', `role [name:"${name}"] already exists`);
  if (record.roles.length >= ROLES_MAX)
    throw new ElanusError(
      'refused',
      `unable to create role because the number of roles has reached the limit ${ROLES_MAX}; drop some first`,
    );
  return { ...record, roles: [...record.roles, { name, description, users: [], grants: [] }] };
}

function dropRole(record: UsersRecord, name: string, isForced: boolean): UsersRecord {
  if (isDefaultRole(name))
    throw new ElanusError('not_permitted', `the role[${name}] is a default role, which can't be dropped`);
  const role = roleOf(record, name);
  if (role.grants.length > 0 && !isForced)
    throw new ElanusError(
      'refused',
      'fail to drop the role that it has privileges. Use REVOKE API to revoke privileges',
    );
  return { ...record, roles: record.roles.filter((other) => other !== role) };
}

function bindRole(record: UsersRecord, bind: { user: string; role: string; remove: boolean }): UsersRecord {
  const role = roleOf(record, bind.role);
  const { name } = userOf(record, bind.user);
  const others = role.users.filter((user) => user !== name);
  return withRole(record, { ...role, users: bind.remove ? others : [...others, name] });
}

/** All of a backup or nothing: what is there already is refused, but roles that every database has, which get the grants. */
function restored(record: UsersRecord, backup: UsersRecord, facts: ChangeFacts): UsersRecord {
  let next = record;
  for (const { name, privileges } of backup.groups) {
    next = { ...next, groups: createGroup(next.groups, name) };
    if (privileges.length > 0)
      next = { ...next, groups: changeGroup(next, { name, privileges: [...privileges], remove: false }) };
  }
  for (const user of backup.users) next = createUser(next, { ...user, createdTimestamp: facts.timestamp });
  for (const role of backup.roles) {
    if (!isDefaultRole(role.name)) next = createRole(next, role);
    for (const user of role.users) next = bindRole(next, { user, role: role.name, remove: false });
    for (const grant of role.grants) {
      const current = roleOf(next, role.name);
      next = withRole(next, changeGrant(current, next.groups, { role: role.name, grant, revoke: false }));
    }
  }
  return next;
}

/** Without the grants that name a collection, or a whole database: they go with it. @returns the same record when there is none */
export function withoutGrantsOn(record: UsersRecord, database: string, collection?: string): UsersRecord {
  return mapGrants(record, (grant) =>
    grant.database === database &&
    (collection === undefined || (grant.objectName === collection && grant.objectType !== 'User'))
      ? undefined
      : grant,
  );
}

/** Grants that name a collection go on naming it under its new name. @returns the same record when there is none */
export function withGrantsRenamed(
  record: UsersRecord,
  from: { readonly database: string; readonly collection: string },
  to: { readonly database: string; readonly collection: string },
): UsersRecord {
  return mapGrants(record, (grant) =>
    grant.database === from.database && grant.objectName === from.collection && grant.objectType !== 'User'
      ? { ...grant, database: to.database, objectName: to.collection }
      : grant,
  );
}

type Grants = RoleRecord['grants'];
function mapGrants(
  record: UsersRecord,
  map: (grant: Grants[number]) => Grants[number] | undefined,
): UsersRecord {
  let isChanged = false;
  const roles = record.roles.map((role) => {
    const grants: Grants = [];
    for (const grant of role.grants) {
      const mapped = map(grant);
      if (mapped !== grant) isChanged = true;
      if (mapped !== undefined && !grants.some((other) => sameGrant(other, mapped))) grants.push(mapped);
    }
    return { ...role, grants };
  });
  return isChanged ? { ...record, roles } : record;
}
