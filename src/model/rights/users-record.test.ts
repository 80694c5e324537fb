// Changes of users, roles, grants and groups: what each leaves behind, and what is refused with which text.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { UserRecord, UsersRecord } from '#proto/elanus/data.js';
import type { UsersChange } from '#proto/elanus/roles.js';
import { usersWithTag } from './user-tags.js';
import { changedUsers, initialUsers, withGrantsRenamed, withoutGrantsOn } from './users-record.js';

type Change = NonNullable<UsersChange['change']>;
const HASH = `$2b$10$${'a'.repeat(53)}`;
const on = (record: UsersRecord, ...changes: readonly Change[]): UsersRecord =>
  changes.reduce((before, change) => changedUsers(before, change, { timestamp: 7n }), record);

const createUser = (name: string, passwordHash = HASH): Change => ({
  $case: 'createUser',
  value: { name, passwordHash, description: '' },
});
const createRole = (name: string): Change => ({ $case: 'createRole', value: { name, description: '' } });
const bindRole = (user: string, role: string, remove = false): Change => ({
  $case: 'bindRole',
  value: { user, role, remove },
});
const changeGrant = (
  role: string,
  grant: Partial<UsersRecord['roles'][number]['grants'][number]>,
  revoke = false,
): Change => ({
  $case: 'changeGrant',
  value: {
    role,
    revoke,
    grant: {
      ...{ objectType: 'Collection', objectName: 'c', database: 'd', privilege: 'Search', grantor: 'root' },
      ...grant,
    },
  },
});
const world = on(initialUsers, createUser('u'), createRole('r'), bindRole('u', 'r'), changeGrant('r', {}));
const roleIn = (record: UsersRecord, name = 'r') => record.roles.find((role) => role.name === name);

function refusal(change: Change): [string, number] {
  try {
    on(world, change);
  } catch (error) {
    if (error instanceof ElanusError) return [error.message, error.spec.code];
    throw error;
  }
  return ['', 0];
}

describe('is refused', () => {
  it.each<[Change, string, number]>([
    [createUser('u'), 'user already exists: u', 65535],
    [createUser('1u'), 'the first character must be a letter', 1100],
    [createUser('a:b'), 'username must contain only numbers', 1100],
    [createUser(''), 'username must be not empty', 1100],
    [createUser('a'.repeat(33)), 'the length of username must be less than 32', 1100],
    [createUser('v', ''), 'is no bcrypt hash', 1100],
    [createUser('v', HASH.replace('$10$', '$31$')), 'is no bcrypt hash', 1100],
    [{ $case: 'dropUser', value: 'root' }, 'user root cannot be deleted', 1401],
    [{ $case: 'updateUser', value: { name: 'w', passwordHash: HASH } }, 'not found the user', 65535],
    [createRole('r'), 'role [name:"r"] already exists', 65535],
    [createRole('a b'), 'role name can only contain', 1100],
    [{ $case: 'dropRole', value: { name: 'admin', force: true } }, 'is a default role', 1401],
    [{ $case: 'dropRole', value: { name: 'x', force: true } }, 'not found the role', 65535],
    [
      { $case: 'dropRole', value: { name: 'r', force: false } },
      'fail to drop the role that it has privileges',
      65535,
    ],
    [bindRole('x', 'r'), 'not found the user', 65535],
    [bindRole('u', 'x'), 'not found the role', 65535],
    [
      changeGrant('r', { privilege: 'Sing' }),
      'not found the privilege name[Sing] in object[Collection]',
      65535,
    ],
    [changeGrant('r', { privilege: 'CreateOwnership' }), 'not found the privilege name', 65535],
    [changeGrant('r', { privilege: '__proto__' }), 'not found the privilege name', 65535],
    [changeGrant('r', { objectType: 'Moon' }), 'not found the object type[name: Moon]', 65535],
    [
      changeGrant('r', { privilege: 'ClusterAdmin', objectType: 'Global' }),
      'should be * for the cluster level',
      1100,
    ],
    [
      changeGrant('r', { privilege: 'DatabaseAdmin', objectType: 'Global' }),
      'collectionName should be *',
      1100,
    ],
    [{ $case: 'createGroup', value: 'Search' }, 'is defined by built in privileges', 1100],
    [{ $case: 'createGroup', value: 'ClusterAdmin' }, 'is defined by built in privileges', 1100],
    [{ $case: 'createGroup', value: '-' }, 'privilege group name', 1402],
    [
      { $case: 'changeGroup', value: { name: 'g', privileges: [], remove: false } },
      'there is no privilege group',
      1100,
    ],
  ])('%o', (change, text, code) => {
    const [message, actual] = refusal(change);
    expect(message).toContain(text);
    expect(actual).toBe(code);
  });
});

it('users leave nothing behind', () => {
  const ofUser = changeGrant('r', { objectType: 'User', objectName: 'u', privilege: 'UpdateUser' });
  const after = on(world, ofUser, { $case: 'dropUser', value: 'u' });
  expect(after.users.map(({ name }) => name)).toEqual(['root']);
  expect(roleIn(after)).toMatchObject({ users: [], grants: [{ privilege: 'Search' }] });
  expect(roleIn(on(after, createUser('u')))?.users).toEqual([]);
  expect(on(world, { $case: 'dropUser', value: 'never' })).toEqual(world);
});

it('roles go with their grants and users', () => {
  const after = on(world, { $case: 'dropRole', value: { name: 'r', force: true } }, createRole('r'));
  expect(roleIn(after)).toMatchObject({ users: [], grants: [] });
});

it('is the same when it is asked for again', () => {
  expect(on(world, changeGrant('r', { grantor: 'u' }), bindRole('u', 'r'))).toEqual(world);
  const revoked = on(world, changeGrant('r', {}, true));
  expect(roleIn(revoked)?.grants).toEqual([]);
  expect(on(revoked, changeGrant('r', {}, true))).toEqual(revoked);
});

it('grants follow a collection and go with it, those of others stay', () => {
  const many = on(
    world,
    changeGrant('r', { objectName: 'c2' }),
    changeGrant('r', { database: 'e' }),
    changeGrant('r', { database: 'd', objectName: '*' }),
    changeGrant('r', { objectType: 'User', privilege: 'UpdateUser' }),
  );
  const names = (record: UsersRecord) =>
    roleIn(record)?.grants.map(
      ({ objectType, database, objectName }) => `${objectType} ${database}.${objectName}`,
    );
  expect(names(withoutGrantsOn(many, 'd', 'c'))).toEqual([
    'Collection d.c2',
    'Collection e.c',
    'Collection d.*',
    'User d.c',
  ]);
  expect(names(withoutGrantsOn(many, 'd'))).toEqual(['Collection e.c']);
  const renamed = withGrantsRenamed(
    many,
    { database: 'd', collection: 'c' },
    { database: 'e', collection: 'n' },
  );
  expect(names(renamed)?.[0]).toBe('Collection e.n');
  expect(names(renamed)?.slice(1)).toEqual(names(many)?.slice(1));
  expect(withoutGrantsOn(many, 'd', 'other')).toBe(many);
});

describe('groups', () => {
  const group = on(
    world,
    { $case: 'createGroup', value: 'g' },
    { $case: 'changeGroup', value: { name: 'g', privileges: ['Search', 'Query'], remove: false } },
  );
  it('have one level', () => {
    const mixed: Change = {
      $case: 'changeGroup',
      value: { name: 'g', privileges: ['CreateDatabase'], remove: false },
    };
    expect(() => on(group, mixed)).toThrow('privileges are not the same privilege level');
  });
  it('stay while they are granted', () => {
    const granted = on(group, changeGrant('r', { objectType: 'Global', privilege: 'g' }));
    expect(() => on(granted, { $case: 'dropGroup', value: 'g' })).toThrow('is used by role [r]');
    expect(on(group, { $case: 'dropGroup', value: 'g' }).groups).toEqual([]);
  });
});

describe('a backup', () => {
  const backup: UsersRecord = {
    users: [{ name: 'v', passwordHash: HASH, description: '', createdTimestamp: 0n, tags: {} }],
    roles: [
      { name: 's', description: '', users: ['v'], grants: world.roles[2]?.grants ?? [] },
      { name: 'admin', description: '', users: ['v'], grants: [] },
    ],
    groups: [{ name: 'g', privileges: ['Search'] }],
  };
  it('comes back whole', () => {
    const after = on(world, { $case: 'restore', value: backup });
    expect(roleIn(after, 's')).toMatchObject({ users: ['v'], grants: [{ privilege: 'Search' }] });
    expect(roleIn(after, 'admin')?.users).toEqual(['v']);
    expect(after.groups).toEqual(backup.groups);
  });
  it('or not at all', () => {
    expect(() => on(on(world, createUser('v')), { $case: 'restore', value: backup })).toThrow(
      'user already exists: v',
    );
    expect(() => on(on(world, createRole('s')), { $case: 'restore', value: backup })).toThrow(
      'already exists',
    );
  });
});

describe('tags', () => {
  const tagged = (set: Record<string, string>, deletedKeys: string[] = [], user = 'u') =>
    ({ $case: 'changeTags', value: { user, set, deletedKeys } }) as const;
  const tagsOf = (record: UsersRecord) => record.users.find(({ name }) => name === 'u')?.tags;
  it('are set over those that are there, deleted by name, and go with their user', () => {
    const after = on(world, tagged({ team: 'a', region: 'eu' }), tagged({ team: 'b' }, ['region', 'none']));
    expect(tagsOf(after)).toEqual({ team: 'b' });
    expect(usersWithTag(after.users, 'team', 'b')).toEqual(['u']);
    expect([usersWithTag(after.users, 'team', ''), usersWithTag(after.users, 'team', 'a')]).toEqual([
      ['u'],
      [],
    ]);
    expect(usersWithTag(after.users, 'constructor', '')).toEqual([]);
    const change = { name: 'u', passwordHash: HASH, description: 'x' };
    expect(tagsOf(on(after, { $case: 'updateUser', value: change }))).toEqual({ team: 'b' });
    const again = { name: 'u', passwordHash: HASH, description: '' };
    const later = on(after, { $case: 'dropUser', value: 'u' }, { $case: 'createUser', value: again });
    expect(tagsOf(later)).toEqual({});
  });
  it('come back from the catalog, where records of before have none', () => {
    const after = on(world, tagged({ team: 'a', 'odd key ✓': '' }));
    expect(UsersRecord.decode(UsersRecord.encode(after).finish())).toEqual(after);
    expect(UserRecord.decode(UserRecord.encode(UserRecord.fromPartial({ name: 'u' })).finish()).tags).toEqual(
      {},
    );
  });
  it('are bounded', () => {
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`k${at}`, '']));
    expect(() => on(world, tagged(many))).toThrow('would have 51 tags, expected at most 50');
    expect(() => on(world, tagged({ '': 'x' }))).toThrow('the key of a tag is empty');
    expect(() => on(world, tagged({ ['k'.repeat(256)]: '' }))).toThrow('has 256 characters');
    expect(() => on(world, tagged({ k: 'v'.repeat(1025) }))).toThrow('has 1025 characters');
    expect(() => on(world, tagged({ k: 'v' }, [], 'nobody'))).toThrow('not found the user');
  });
});
