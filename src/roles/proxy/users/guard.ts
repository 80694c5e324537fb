// The steps of the public chain that ask who calls and whether they may: the first before the request is read, the second with it. Where
// authentication is off there are none, and a call costs what it did.
import { must } from '#base/assert.js';
import type { CallContext } from '#platform/transport.js';
import type { DefinitionsDefinition } from '#proto/elanus/roles.js';
import type { Interceptor } from '#rpc/interceptors.js';
import type { Client } from '#rpc/service.js';
import type { AccessRow } from './access-row.js';
import { accessTable, telemetryAccess } from './access-table.js';
import { authorize } from './authorization.js';
import type { Logins } from './logins.js';

export interface Guard {
  readonly logins: Logins;
  readonly definitions: Pick<Client<typeof DefinitionsDefinition>, 'describeCollection'>;
}

/** Rows by the key of their method; the types of the tables have seen to it that there is one. */
const rows: ReadonlyMap<string, AccessRow<object>> = new Map(
  Object.entries({ ...accessTable, ...telemetryAccess }) as [string, AccessRow<object>][],
);

/** The same two questions for a transport that reads a request in pieces: before it reads, and before it looks at what the request names. */
export interface Gate {
  /** @returns the user @throws unauthenticated */
  admit(context: CallContext): Promise<string>;
  /** @param method its key @throws permission_denied */
  permit(method: string, request: object, context: CallContext & { readonly user: string }): Promise<void>;
}

export const gateOf = ({ logins, definitions }: Guard): Gate => ({
  admit: (context) => logins.authentication.userOf(context),
  permit: async (method, request, context) => {
    const rights = await logins.directory.rights(context);
    await authorize(must(rows.get(method), method), request, { rights, definitions }, context);
  },
});

/** From here on the context says who calls, and what showed it is not passed on. */
export const authenticated =
  ({ logins }: Guard): Interceptor =>
  async (_method, request, context, next) => {
    const user = await logins.authentication.userOf(context);
    const { authorization: _secret, ...metadata } = context.metadata;
    return next(request, { ...context, metadata, user });
  };

export const authorized =
  ({ logins, definitions }: Guard): Interceptor =>
  async (method, request, context, next) => {
    const row = rows.get(method.key);
    const user = must(context.user, 'a call that was not authenticated');
    const rights = await logins.directory.rights(context);
    await authorize(must(row, method.key), request, { rights, definitions }, { ...context, user });
    return next(request, context);
  };
