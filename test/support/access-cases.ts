// Every public call with a request that names things, and what it needs: the rows of the test that walks them all, over gRPC and over REST.
import { OperationsDefinition } from '#proto/elanus/roles.js';
import { ClientTelemetryServiceDefinition, MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { unsupportedMethods } from '#roles/proxy/unsupported-methods.js';
import type { AccessRow } from '#roles/proxy/users/access-row.js';
import { accessTable, ownAccess, telemetryAccess } from '#roles/proxy/users/access-table.js';
import { methodsOf, type ServiceMethod } from '#rpc/interceptors.js';
import { codec } from '#rpc/service.js';

/** The collection, user and so on that the requests name, whether or not they are there. */
const NAMED = {
  collection: 'walked',
  user: 'somebody_else',
  role: 'walked_role',
  alias: 'walked_alias',
} as const;

const values: Readonly<Record<string, unknown>> = {
  collectionName: NAMED.collection,
  oldName: NAMED.collection,
  newName: 'walked_again',
  alias: NAMED.alias,
  username: NAMED.user,
  userName: NAMED.user,
  user: { name: NAMED.user },
  roleName: NAMED.role,
  entity: { role: { name: NAMED.role }, object: { name: 'Global' }, objectName: '*' },
};

/** A request with the names that its message has fields for. */
export function namingRequest(method: ServiceMethod): object {
  const type = codec(method.definition.requestType);
  const empty = type.fromPartial({});
  const set = Object.fromEntries(
    Object.entries(values).filter(([key]) => {
      const value: unknown = Reflect.get(empty, key);
      return key in empty && !Array.isArray(value);
    }),
  );
  const lists = ['collectionNames', 'collectionName'].filter((key) => Array.isArray(Reflect.get(empty, key)));
  return type.fromPartial({ ...set, ...Object.fromEntries(lists.map((key) => [key, [NAMED.collection]])) });
}

export interface AccessCase {
  readonly method: ServiceMethod;
  /** Undefined: the table has no row, and the test must fail. */
  readonly row: AccessRow<object> | undefined;
  /** Answered with code 3000 to everyone who showed who they are. */
  readonly isBuilt: boolean;
}

const rows: Readonly<Record<string, unknown>> = { ...accessTable, ...telemetryAccess, ...ownAccess };
const notBuilt: Readonly<Record<string, unknown>> = unsupportedMethods;

export const accessCases: readonly AccessCase[] = [
  ...methodsOf(MilvusServiceDefinition).map((method) => ({
    method,
    isBuilt: !(method.key in notBuilt),
  })),
  ...methodsOf(ClientTelemetryServiceDefinition).map((method) => ({ method, isBuilt: true })),
  ...methodsOf(OperationsDefinition).map((method) => ({ method, isBuilt: true })),
].map((one) => ({ ...one, row: rows[one.method.key] as AccessRow<object> | undefined }));
