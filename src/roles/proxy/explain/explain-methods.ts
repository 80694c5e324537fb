// What operations that have not ended wait for, of all roles, for the collections that a client names.
import { assertNever } from '#base/assert.js';
import { type OperationKind, parseOperationKind } from '#model/states/explained.js';
import type { CallContext } from '#platform/transport.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import type {
  ExplainOperationsRequest,
  ExplainRequest,
  ExplainResponse,
  OperationsDefinition,
} from '#proto/elanus/roles.js';
import { databaseOf } from '#roles/proxy/collection-access.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import type { Handlers } from '#rpc/service.js';

export type ExplainParts = Pick<ProxyParts, 'access' | 'definitions' | 'channelRegistry' | 'queryCoord'>;

/** With aliases of the collection taken for it; without a name, of all collections of the database. */
export const explainMethods = (
  parts: ExplainParts,
): Pick<Handlers<typeof OperationsDefinition>, 'explainOperations'> => ({
  explainOperations: async (request, context) => {
    const kind = parseOperationKind(request.kind);
    const names = new Map(
      (await collectionsOf(parts, request, context)).map(({ id, schema }) => [id, schema?.name ?? '']),
    );
    const asked = { kind, collectionIds: [...names.keys()] };
    const { operations, leftOut } = await ask(parts, kind, asked, context);
    return {
      leftOut,
      operations: operations.map((one) => ({
        ...one,
        collectionName: names.get(one.collectionId) ?? '',
      })),
    };
  },
});

async function collectionsOf(
  { access, definitions }: ExplainParts,
  request: ExplainOperationsRequest,
  context: CallContext,
): Promise<readonly CollectionRecord[]> {
  if (request.collectionName !== '') return [(await access.open(request, context)).record];
  return (await definitions.listCollections({ database: databaseOf(request, context) }, context)).collections;
}

function ask(
  { definitions, channelRegistry, queryCoord }: ExplainParts,
  kind: OperationKind,
  asked: Pick<ExplainRequest, 'kind' | 'collectionIds'>,
  context: CallContext,
): Promise<ExplainResponse> {
  switch (kind) {
    case 'flush':
    case 'import':
    case 'compaction':
      return channelRegistry.explain(asked, context);
    case 'index':
      return definitions.explain(asked, context);
    case 'load':
      return queryCoord.explain(asked, context);
    default:
      return assertNever(kind);
  }
}
