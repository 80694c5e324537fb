// The one step that decides whether a call may be made: the row of its method, the things that the request names, and what the caller's
// roles were granted. Behind it, every handler serves whom it is called for.
import { ElanusError } from '#base/errors.js';
import type { Privilege } from '#model/rights/privileges.js';
import type { Rights, Target } from '#model/rights/rights.js';
import type { CallContext } from '#platform/transport.js';
import type { DefinitionsDefinition } from '#proto/elanus/roles.js';
import { databaseOf } from '#roles/proxy/collection-access.js';
import type { Client } from '#rpc/service.js';
import type { AccessRow, Wanted } from './access-row.js';

type Definitions = Pick<Client<typeof DefinitionsDefinition>, 'describeCollection'>;
type Collection = Extract<Wanted, { readonly kind: 'collection' }>;

/** @throws permission_denied */
export async function authorize(
  row: AccessRow<object>,
  request: object,
  parts: { readonly rights: Rights; readonly definitions: Definitions },
  context: CallContext & { readonly user: string },
): Promise<void> {
  const { user } = context;
  const { rights } = parts;
  if (row === 'everyone' || rights.isAdmin(user)) return;
  if (row.unless?.(request, { user, roles: rights.rolesOf(user) }) === true) return;
  const privilege = row.privilegeFor?.(request) ?? row.privilege;
  for (const wanted of row.on(request)) {
    const target = await targetOf(wanted, parts.definitions, context);
    if (!rights.allows(user, privilege, target)) throw denied(privilege, user, target, context);
  }
}

/** The text is Milvus's. It does not show whether what was named is there. */
function denied(privilege: Privilege, user: string, target: Target, context: CallContext): ElanusError {
  const database = 'database' in target ? target.database : databaseOf({ dbName: '' }, context);
  return new ElanusError(
    'permission_denied',
    `Privilege${privilege}: permission deny to ${user} in the \`${database}\` database`,
  );
}

async function targetOf(wanted: Wanted, definitions: Definitions, context: CallContext): Promise<Target> {
  if (wanted.kind === 'cluster' || wanted.kind === 'user') return wanted;
  const database = databaseOf({ dbName: wanted.database }, context);
  if (wanted.kind !== 'collection') return { kind: wanted.kind, database };
  return (await existing(wanted, database, definitions, context)) ?? absent(wanted, database);
}

/** Aliases and ids are other names: what counts is the collection that they mean now, and the database that it is in. */
async function existing(
  { name, id }: Collection,
  database: string,
  definitions: Definitions,
  context: CallContext,
): Promise<Target | undefined> {
  try {
    const { collection } = await definitions.describeCollection({ database, name, id }, context);
    if (collection === undefined) return undefined;
    return { kind: 'collection', database: collection.database, collection: collection.schema?.name ?? name };
  } catch (error) {
    if (
      error instanceof ElanusError &&
      (error.key === 'collection_not_found' || error.key === 'database_not_found')
    )
      return undefined;
    throw error;
  }
}

/** Who was granted something on the name may hear that nothing has it; an id that means nothing is a matter of the whole database. */
const absent = ({ name }: Collection, database: string): Target =>
  name === '' ? { kind: 'database', database } : { kind: 'collection', database, collection: name };
