// How a row of the access table says what a call needs: a privilege, and on which things, as the request names them. Names are resolved by
// authorization.ts: an alias, or an id, is never what is looked at.
import type { Privilege } from '#model/rights/privileges.js';

/** A thing as a request names it. No database: the one of the call. */
export type Wanted =
  | { readonly kind: 'cluster' }
  | { readonly kind: 'database'; readonly database: string }
  | { readonly kind: 'collection'; readonly database: string; readonly name: string; readonly id: bigint }
  | { readonly kind: 'anyCollection'; readonly database: string }
  | { readonly kind: 'user'; readonly user: string };

/** Who calls, for calls that everyone may make about themselves. */
export interface Caller {
  readonly user: string;
  readonly roles: readonly string[];
}

export interface NeedsPrivilege<Request> {
  readonly privilege: Privilege;
  /** Where it depends on the request; what it does not know needs `privilege`. */
  readonly privilegeFor?: (request: Request) => Privilege | undefined;
  /** Every one of them is needed. */
  readonly on: (request: Request) => readonly Wanted[];
  readonly unless?: (request: Request, caller: Caller) => boolean;
}

/** `everyone`: whoever showed who they are; what they are answered is about themselves, the server, or what they may see. */
export type AccessRow<Request> = 'everyone' | NeedsPrivilege<Request>;

export interface InDatabase {
  readonly dbName: string;
}
export interface OfCollection extends InDatabase {
  readonly collectionName: string;
  readonly collectionID?: bigint;
}

const CLUSTER: readonly Wanted[] = [{ kind: 'cluster' }];
const collection = (database: string, name: string, id = 0n): Wanted => ({
  kind: 'collection',
  database,
  name,
  id,
});

export const onCluster = (privilege: Privilege): NeedsPrivilege<object> => ({ privilege, on: () => CLUSTER });

export const onDatabase = (privilege: Privilege): NeedsPrivilege<InDatabase> => ({
  privilege,
  on: ({ dbName }) => [{ kind: 'database', database: dbName }],
});

/** Names nothing that could be looked at: who has the privilege on some collection may. */
export const onAnyCollection = (privilege: Privilege): NeedsPrivilege<object> => ({
  privilege,
  on: () => [{ kind: 'anyCollection', database: '' }],
});

/** The collection by its name, else by its id; neither: what the handler refuses, for who may everything of the database. */
export const onCollection = (privilege: Privilege): NeedsPrivilege<OfCollection> => ({
  privilege,
  on: (request) => [collectionOf(request)],
});

const collectionOf = ({ dbName, collectionName, collectionID = 0n }: OfCollection): Wanted =>
  collectionName === '' && collectionID === 0n
    ? { kind: 'database', database: dbName }
    : collection(dbName, collectionName, collectionName === '' ? collectionID : 0n);

/** Several by name, several by id; none of either: the whole database. */
export function collectionsOf(
  database: string,
  names: readonly string[],
  ids: readonly bigint[] = [],
): readonly Wanted[] {
  if (names.length === 0 && ids.length === 0) return [{ kind: 'database', database }];
  return [
    ...names.map((name) => collection(database, name)),
    ...ids.map((id) => collection(database, '', id)),
  ];
}

export const onUser = (user: string): readonly Wanted[] => [{ kind: 'user', user }];
