// The steps of the public chain that ask who calls and whether they may: the first before the request is read, the second with it. Where
// authentication is off there are none, and a call costs what it did.
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import type { CallContext } from '#platform/transport.js';
import type { DefinitionsDefinition } from '#proto/elanus/roles.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { PublicMethod } from '#roles/proxy/proxy-parts.js';
import type { Interceptor, ServiceMethod } from '#rpc/interceptors.js';
import type { Client } from '#rpc/service.js';
import type { AccessRow } from './access-row.js';
import { accessTable, ownAccess, telemetryAccess } from './access-table.js';
import { type Audit, objectsOf } from './audit.js';
import { authorize } from './authorization.js';
import type { Logins } from './logins.js';

export interface Guard {
  readonly logins: Logins;
  readonly audit: Audit;
  readonly definitions: Pick<Client<typeof DefinitionsDefinition>, 'describeCollection'>;
}

/** Rows by the key of their method; the types of the tables have seen to it that there is one. */
const rows: ReadonlyMap<string, AccessRow<object>> = new Map(
  Object.entries({ ...accessTable, ...telemetryAccess, ...ownAccess }) as [string, AccessRow<object>][],
);

/** The same two questions for a transport that reads a request in pieces: before it reads, and before it looks at what the request names. */
export interface Gate {
  /** @returns the user @throws unauthenticated */
  admit(context: CallContext): Promise<string>;
  /** @throws permission_denied */
  permit(
    method: PublicMethod,
    request: object,
    context: CallContext & { readonly user: string },
  ): Promise<void>;
}

/** As the protocol writes it, so that a call has one name in the audit log whichever way it came. */
const nameOf = (key: PublicMethod): Pick<ServiceMethod, 'key' | 'name'> => ({
  key,
  name: MilvusServiceDefinition.methods[key].name,
});

export const gateOf = (guard: Guard): Gate => ({
  admit: (context) => userOf(guard, 'REST', context),
  permit: (method, request, context) => permit(guard, nameOf(method), request, context),
});

async function userOf({ logins, audit }: Guard, call: string, context: CallContext): Promise<string> {
  try {
    return await logins.authentication.userOf(context);
  } catch (error) {
    audit.loginRefused(call, context, error);
    throw error;
  }
}

async function permit(
  { logins, definitions, audit }: Guard,
  { key, name }: Pick<ServiceMethod, 'key' | 'name'>,
  request: object,
  context: CallContext & { readonly user: string },
): Promise<void> {
  const row = must(rows.get(key), key);
  const rights = await logins.directory.rights(context);
  try {
    await authorize(row, request, { rights, definitions }, context);
  } catch (error) {
    if (error instanceof ElanusError && error.key === 'permission_denied')
      audit.denied(name, objectsOf(row, request, context), context, error);
    throw error;
  }
}

/** From here on the context says who calls, and what showed it is not passed on. */
export const authenticated =
  (guard: Guard): Interceptor =>
  async (method, request, context, next) => {
    const user = await userOf(guard, method.name, context);
    const { authorization: _secret, ...metadata } = context.metadata;
    return next(request, { ...context, metadata, user });
  };

export const authorized =
  (guard: Guard): Interceptor =>
  async (method, request, context, next) => {
    const user = must(context.user, 'a call that was not authenticated');
    await permit(guard, method, request, { ...context, user });
    const row = must(rows.get(method.key), method.key);
    return guard.audit.run(method.name, row, request, context, () => next(request, context));
  };
