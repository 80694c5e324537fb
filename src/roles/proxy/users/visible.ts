// What lists show to whom: everything where nobody is asked who they are, else what the caller's roles have grants about.
import type { CallContext } from '#platform/transport.js';
import type { Logins } from './logins.js';

export interface Visible {
  collection(database: string, name: string): boolean;
  database(name: string): boolean;
}

const everything: Visible = { collection: () => true, database: () => true };

export async function visibleTo({ directory }: Logins, context: CallContext): Promise<Visible> {
  const { user } = context;
  if (user === undefined) return everything;
  const rights = await directory.rights(context);
  return {
    collection: (database, name) => rights.seesCollection(user, database, name),
    database: (name) => rights.seesDatabase(user, name),
  };
}
