// Who may do what, as one reading of the users' record answers it. Nothing here waits or changes: the same record always gives the same
// answers.
import type { GrantRecord, UserRecord, UsersRecord } from '#proto/elanus/data.js';
import {
  ALL_PRIVILEGES,
  ANY,
  builtInGroup,
  type Privilege,
  privilegesOf,
  withRelated,
} from './privileges.js';
import { ROLE_ADMIN, ROLE_PUBLIC, ROOT } from './users-record.js';

/** What a call touches. Names are those of the things themselves, aliases resolved. */
export type Target =
  | { readonly kind: 'cluster' }
  | { readonly kind: 'database'; readonly database: string }
  | { readonly kind: 'collection'; readonly database: string; readonly collection: string }
  | { readonly kind: 'anyCollection'; readonly database: string }
  | { readonly kind: 'user'; readonly user: string };

interface Grant {
  readonly database: string;
  readonly object: string;
  readonly isOfUsers: boolean;
  /** The privilege that the grant names itself. */
  readonly privilege: string;
  /** What it stands for; undefined: everything. */
  readonly privileges: ReadonlySet<string> | undefined;
  readonly isGroup: boolean;
}

export class Rights {
  readonly #users: ReadonlyMap<string, UserRecord>;
  readonly #grants = new Map<string, readonly Grant[]>();
  readonly #roles = new Map<string, readonly string[]>();

  constructor(record: UsersRecord) {
    this.#users = new Map(record.users.map((user) => [user.name, user]));
    const groups = new Map(record.groups.map((group) => [group.name, group.privileges]));
    const compiled = new Map(
      record.roles.map((role) => [role.name, role.grants.map((grant) => compile(grant, groups))]),
    );
    for (const { name } of record.users) {
      const roles = record.roles.filter((role) => role.users.includes(name)).map((role) => role.name);
      this.#roles.set(name, [...new Set([...roles, ROLE_PUBLIC])]);
      // What everyone may is no sign of what somebody has.
      this.#grants.set(
        name,
        roles.filter((role) => role !== ROLE_PUBLIC).flatMap((role) => compiled.get(role) ?? []),
      );
    }
    this.#public = compiled.get(ROLE_PUBLIC) ?? [];
  }

  readonly #public: readonly Grant[];

  user(name: string): UserRecord | undefined {
    return this.#users.get(name);
  }

  /** With the role that everyone has. */
  rolesOf(user: string): readonly string[] {
    return this.#roles.get(user) ?? [];
  }

  /** Root, and who has the role of administrators, may do everything. */
  isAdmin(user: string): boolean {
    return this.#users.has(user) && (user === ROOT || this.rolesOf(user).includes(ROLE_ADMIN));
  }

  allows(user: string, privilege: Privilege, target: Target): boolean {
    if (this.isAdmin(user)) return true;
    if (!this.#users.has(user)) return false;
    if (target.kind === 'user' && target.user === user) return true;
    const covers = (grant: Grant): boolean => coversTarget(grant, privilege, target);
    return (this.#grants.get(user) ?? []).some(covers) || this.#public.some(covers);
  }

  /** Whether lists show it: when a role of the user has a grant about it. */
  seesCollection(user: string, database: string, collection: string): boolean {
    if (this.isAdmin(user)) return true;
    return (this.#grants.get(user) ?? []).some(
      (grant) =>
        isIn(grant, database) && !grant.isOfUsers && isOf(grant, collection) && isAboutCollections(grant),
    );
  }

  seesDatabase(user: string, database: string): boolean {
    if (this.isAdmin(user)) return true;
    return (this.#grants.get(user) ?? []).some(
      (grant) => isIn(grant, database) && !grant.isOfUsers && isAboutData(grant),
    );
  }
}

function compile(grant: GrantRecord, groups: ReadonlyMap<string, readonly string[]>): Grant {
  const { privilege } = grant;
  const members = groups.get(privilege) ?? builtInGroup(privilege);
  const isAll = privilege === ALL_PRIVILEGES || privilege === ANY;
  // All that a collection can be asked, which is less than all that can be done about it.
  const isAllOfCollections = isAll && grant.objectType === 'Collection';
  return {
    database: grant.database,
    object: grant.objectName,
    isOfUsers: grant.objectType === 'User',
    privilege,
    privileges:
      isAll && !isAllOfCollections
        ? undefined
        : new Set(
            (isAllOfCollections ? privilegesOf('Collection') : (members ?? [privilege])).flatMap(withRelated),
          ),
    isGroup: isAll || members !== undefined,
  };
}

const isIn = (grant: Grant, database: string): boolean =>
  grant.database === ANY || grant.database === database;
const isOf = (grant: Grant, name: string): boolean => grant.object === ANY || grant.object === name;

/** Things of the cluster alone say nothing of data: who may create users need not see collections. */
const levels: Readonly<Record<'database' | 'collection', readonly string[]>> = {
  database: builtInGroup('DatabaseAdmin') ?? [],
  collection: builtInGroup('CollectionAdmin') ?? [],
};
const hasOneOf = (grant: Grant, names: readonly string[]): boolean =>
  grant.privileges === undefined || names.some((name) => grant.privileges?.has(name));
const isAboutCollections = (grant: Grant): boolean =>
  hasOneOf(grant, levels.collection) ||
  hasOneOf(grant, ['ShowCollections', 'DropCollection', 'RenameCollection']);
const isAboutData = (grant: Grant): boolean =>
  isAboutCollections(grant) || hasOneOf(grant, levels.database) || hasOneOf(grant, ['DropDatabase']);

function coversTarget(grant: Grant, privilege: Privilege, target: Target): boolean {
  if (grant.privileges !== undefined && !grant.privileges.has(privilege)) return false;
  if (grant.isOfUsers) return target.kind === 'user' && isOf(grant, target.user);
  switch (target.kind) {
    case 'cluster':
    case 'user':
      // A group that is granted for one database must not reach beyond it; a privilege by its own name means what it says.
      return grant.isGroup ? grant.database === ANY && grant.object === ANY : grant.object === ANY;
    case 'database':
      return isIn(grant, target.database) && grant.object === ANY;
    case 'anyCollection':
      return isIn(grant, target.database);
    case 'collection':
      return isIn(grant, target.database) && isOf(grant, target.collection);
  }
}
