// Who may do what: grants by object, database and collection, groups, and what each must not reach.
import { describe, expect, it } from 'vitest';
import type { UsersChange } from '#proto/elanus/roles.js';
import { objectTypeOf, type Privilege } from './privileges.js';
import { Rights, type Target } from './rights.js';
import { changedUsers, initialUsers } from './users-record.js';

type Change = NonNullable<UsersChange['change']>;
const HASH = `$2b$04$${'a'.repeat(53)}`;
const apply = (...changes: readonly Change[]) =>
  changes.reduce((record, change) => changedUsers(record, change, { timestamp: 7n }), initialUsers);

const user = (name: string): Change => ({
  $case: 'createUser',
  value: { name, passwordHash: HASH, description: '' },
});
const role = (name: string): Change => ({ $case: 'createRole', value: { name, description: '' } });
const bind = (name: string, to: string): Change => ({
  $case: 'bindRole',
  value: { user: name, role: to, remove: false },
});
const grant = (
  to: string,
  privilege: string,
  { database = '*', objectName = '*', objectType = objectTypeOf(privilege) as string, revoke = false } = {},
): Change => ({
  $case: 'changeGrant',
  value: { role: to, grant: { objectType, objectName, database, privilege, grantor: 'root' }, revoke },
});

/** A user `u` with one role that has these grants. */
const rightsOf = (...grants: readonly Change[]) =>
  new Rights(apply(user('u'), role('r'), bind('u', 'r'), ...grants));
const inDb = (database: string): Target => ({ kind: 'database', database });
const on = (database: string, collection: string): Target => ({ kind: 'collection', database, collection });
const cluster: Target = { kind: 'cluster' };

describe('a grant', () => {
  it.each<[string, Change, Privilege, Target, boolean]>([
    ['on everything', grant('r', 'Search'), 'Search', on('d', 'c'), true],
    ['of another privilege', grant('r', 'Search'), 'Query', on('d', 'c'), false],
    ['on a database', grant('r', 'Search', { database: 'd' }), 'Search', on('d', 'c'), true],
    ['on another database', grant('r', 'Search', { database: 'd' }), 'Search', on('default', 'c'), false],
    [
      'on a collection',
      grant('r', 'Search', { database: 'd', objectName: 'c' }),
      'Search',
      on('d', 'c'),
      true,
    ],
    ['on another', grant('r', 'Search', { database: 'd', objectName: 'c' }), 'Search', on('d', 'c2'), false],
    [
      'on its namesake',
      grant('r', 'Search', { database: 'd', objectName: 'c' }),
      'Search',
      on('e', 'c'),
      false,
    ],
    [
      'on one, asked of all',
      grant('r', 'Flush', { database: 'd', objectName: 'c' }),
      'Flush',
      inDb('d'),
      false,
    ],
    ['with what comes along', grant('r', 'Load'), 'GetLoadState', on('d', 'c'), true],
    ['not the other way', grant('r', 'GetLoadState'), 'Load', on('d', 'c'), false],
    ['of a group', grant('r', 'CollectionReadOnly', { database: 'd' }), 'Query', on('d', 'c'), true],
    [
      'of a group without it',
      grant('r', 'CollectionReadOnly', { database: 'd' }),
      'Insert',
      on('d', 'c'),
      false,
    ],
    ['of all in a database', grant('r', 'All', { database: 'd' }), 'DropCollection', on('d', 'c'), true],
    ['of all in a database, beyond it', grant('r', 'All', { database: 'd' }), 'Search', on('e', 'c'), false],
    [
      'of all in a database, of the cluster',
      grant('r', 'All', { database: 'd' }),
      'CreateOwnership',
      cluster,
      false,
    ],
    ['of all everywhere', grant('r', 'All'), 'CreateOwnership', cluster, true],
    [
      'of the cluster by its name',
      grant('r', 'CreateOwnership', { database: 'd' }),
      'CreateOwnership',
      cluster,
      true,
    ],
    [
      'of all on a collection, of what is done about it',
      grant('r', '*', { database: 'd', objectName: 'c', objectType: 'Collection' }),
      ...(['DropCollection', on('d', 'c'), false] as const),
    ],
  ])('%s', (_name, change, privilege, target, isAllowed) => {
    expect(rightsOf(change).allows('u', privilege, target)).toBe(isAllowed);
    expect(rightsOf().allows('u', privilege, target)).toBe(false);
  });

  it('on users says nothing of collections, and everyone may act on themselves', () => {
    const rights = rightsOf(grant('r', 'UpdateUser', { objectType: 'User', objectName: 'other' }));
    expect(rights.allows('u', 'UpdateUser', { kind: 'user', user: 'other' })).toBe(true);
    expect(rights.allows('u', 'UpdateUser', { kind: 'user', user: 'root' })).toBe(false);
    expect(rights.allows('u', 'UpdateUser', { kind: 'user', user: 'u' })).toBe(true);
    const all = rightsOf(grant('r', '*', { objectType: 'User' }));
    expect(all.allows('u', 'Search', on('d', 'c'))).toBe(false);
  });
});

it('a group of users counts as it is now', () => {
  const make: Change[] = [
    { $case: 'createGroup', value: 'mine' },
    grant('r', 'mine'),
    { $case: 'changeGroup', value: { name: 'mine', privileges: ['Search'], remove: false } },
  ];
  const empty: Change = {
    $case: 'changeGroup',
    value: { name: 'mine', privileges: ['Search'], remove: true },
  };
  expect(rightsOf(...make).allows('u', 'Search', on('d', 'c'))).toBe(true);
  expect(rightsOf(...make, empty).allows('u', 'Search', on('d', 'c'))).toBe(false);
});

it('lists show what a role has a grant about, and nothing that everyone may', () => {
  const rights = rightsOf(
    grant('r', 'Insert', { database: 'd', objectName: 'c' }),
    grant('r', 'CreateOwnership', { database: 'e' }),
  );
  expect(rights.allows('u', 'DescribeCollection', on('e', 'c'))).toBe(true); // As everyone.
  expect([rights.seesCollection('u', 'd', 'c'), rights.seesCollection('u', 'd', 'c2')]).toEqual([
    true,
    false,
  ]);
  expect([rights.seesCollection('u', 'e', 'c'), rights.seesDatabase('u', 'e')]).toEqual([false, false]);
  expect([rights.seesDatabase('u', 'd'), rights.seesDatabase('u', 'default')]).toEqual([true, false]);
  expect(rights.seesCollection('root', 'e', 'c')).toBe(true);
});

it('root and administrators may everything, who is not there nothing', () => {
  const rights = new Rights(apply(user('u'), bind('u', 'admin')));
  expect(rights.allows('u', 'RestoreRBAC', cluster)).toBe(true);
  expect(rights.allows('root', 'RestoreRBAC', cluster)).toBe(true);
  expect(rights.allows('gone', 'DescribeCollection', on('d', 'c'))).toBe(false);
});
