// Indexes as clients see them: created and dropped by root-coord, described with the state of their builds.
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { readJsonPath } from '#expr/json-path.js';
import { checkIndexHints } from '#model/params/index-hints.js';
import { jsonPathIn, parseAnyIndexParams, withPath } from '#model/params/scalar-index-params.js';
import { dynamicField, fieldByName } from '#model/schema/schema-view.js';
import type { CallContext } from '#platform/transport.js';
import type { IndexRecord } from '#proto/elanus/data.js';
import type { IndexStateRecord } from '#proto/elanus/roles.js';
import { IndexState } from '#proto/milvus/common.js';
import type { CreateIndexRequest } from '#proto/milvus/milvus.js';
import { type CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { collectionRef, type OpenCollection } from '#roles/proxy/collection-access.js';
import { pairsOf } from '#roles/proxy/key-value-pairs.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';

type IndexParts = Pick<ProxyParts, 'access' | 'definitions'>;

interface NamedIndex {
  readonly dbName: string;
  readonly collectionName: string;
  /** Empty: of every field. */
  readonly fieldName: string;
  /** Empty: every index. The name of its field will do. */
  readonly indexName: string;
}

/** Ours, in the params that DescribeIndex answers: what AUTOINDEX, an alias or a default became. */
const BUILT_AS = 'elanus.built_as';

export class IndexMethods {
  readonly #parts: IndexParts;

  constructor(parts: IndexParts) {
    this.#parts = parts;
  }

  readonly createIndex: PublicHandler<'createIndex'> = async (request, context) => {
    const { access, definitions } = this.#parts;
    const { database, schema } = await access.open(request, context);
    const { field, index } = indexOf(schema, request);
    const params =
      field.dataType === DataType.JSON ? withPath(index.asSent, request.fieldName) : index.asSent;
    if (field.dataType === DataType.JSON) readJsonPath(field, jsonPathIn(params));
    await definitions.createIndex(
      {
        collection: { database, name: schema.name },
        fieldName: field.name,
        indexName: request.indexName,
        indexType: index.indexType,
        metricType: index.metricType,
        params,
      },
      context,
    );
    return {};
  };

  readonly alterIndex: PublicHandler<'alterIndex'> = async (request, context) => {
    const { indexName, extraParams, deleteKeys } = request;
    const params = checkIndexHints(extraParams, deleteKeys);
    await this.#parts.definitions.alterIndex(
      { collection: collectionRef(request, context), indexName, params, deleteKeys },
      context,
    );
    return {};
  };

  readonly dropIndex: PublicHandler<'dropIndex'> = async (request, context) => {
    const indexName = request.indexName === '' ? request.fieldName : request.indexName;
    await this.#parts.definitions.dropIndex(
      { collection: collectionRef(request, context), indexName },
      context,
    );
    return {};
  };

  readonly describeIndex: PublicHandler<'describeIndex'> = async (request, context) => {
    const { collection, found } = await this.#find(request, context);
    return { indexDescriptions: found.map((state) => indexDescription(collection, state)) };
  };

  readonly getIndexState: PublicHandler<'getIndexState'> = async (request, context) => {
    const { found } = await this.#find(request, context);
    const worst = [IndexState.Failed, IndexState.InProgress].find((state) =>
      found.some((one) => one.state === state),
    );
    return {
      state: worst ?? IndexState.Finished,
      failReason: found.find(({ failReason }) => failReason !== '')?.failReason ?? '',
    };
  };

  readonly getIndexBuildProgress: PublicHandler<'getIndexBuildProgress'> = async (request, context) => {
    const [first] = (await this.#find(request, context)).found;
    return { indexedRows: first?.indexedRows ?? 0n, totalRows: first?.totalRows ?? 0n };
  };

  readonly getIndexStatistics: PublicHandler<'getIndexStatistics'> = async (request, context) => {
    const { collection, found } = await this.#find({ ...request, fieldName: '' }, context);
    return {
      indexDescriptions: found.map((state) => ({
        ...indexDescription(collection, state),
        params: pairsOf(must(state.index, 'index').params),
      })),
    };
  };

  /** @throws index_not_found when nothing has the name */
  async #find(request: NamedIndex, context: CallContext) {
    const { access, definitions } = this.#parts;
    const collection = await access.open(request, context);
    const { indexes } = await definitions.indexStates(
      { id: collection.record.id, database: collection.database, name: collection.schema.name },
      context,
    );
    const isNamed = (index: IndexRecord | undefined, name: string): boolean =>
      name === '' || index?.name === name || fieldNameOf(collection, index?.fieldId) === name;
    // Old clients send the name of an index as that of a field.
    const found = indexes.filter(
      ({ index }) => isNamed(index, request.indexName) && isNamed(index, request.fieldName),
    );
    if (found.length === 0) {
      throw new ElanusError(
        'index_not_found',
        `index not found[indexName=${request.indexName}][collection=${request.collectionName}]; create it first`,
      );
    }
    return { collection, found };
  }
}

function indexDescription(collection: OpenCollection, state: IndexStateRecord) {
  const index = must(state.index, 'index');
  return {
    indexName: index.name,
    indexID: index.id,
    params: pairsOf({
      ...index.params,
      index_type: index.indexType,
      // Scalar fields have none.
      ...(index.metricType !== '' && { metric_type: index.metricType }),
      ...(state.builtAs !== '' && { [BUILT_AS]: state.builtAs }),
    }),
    fieldName: fieldNameOf(collection, index.fieldId),
    indexedRows: state.indexedRows,
    totalRows: state.totalRows,
    pendingIndexRows: state.pendingRows,
    state: state.state as IndexState,
    indexStateFailReason: state.failReason,
  };
}

/** A name that is no field is a key of the dynamic one, where there is one: an index of what is at a path. @throws refused, invalid_parameter, unsupported */
function indexOf(schema: CollectionSchema, { collectionName, fieldName, extraParams }: CreateIndexRequest) {
  const own = fieldByName(schema, fieldName);
  if (own !== undefined) return { field: own, index: parseAnyIndexParams(own, extraParams) };
  const absent = `cannot create index on non-exist field: ${fieldName}; collection ${collectionName} has the fields ${userFields(schema)}`;
  const field = dynamicField(schema);
  if (field === undefined) throw new ElanusError('refused', absent);
  try {
    return { field, index: parseAnyIndexParams(field, extraParams) };
  } catch (cause) {
    if (!(cause instanceof ElanusError)) throw cause;
    const asKey = cause.message.replaceAll(field.name, fieldName);
    throw new ElanusError(cause.key, `${absent}; as a dynamic key: ${asKey}`, { cause });
  }
}

/** As clients know them. */
const userFields = ({ fields }: CollectionSchema): string =>
  fields.flatMap(({ name, isDynamic }) => (isDynamic ? [] : [name])).join(', ');

const fieldNameOf = ({ schema }: OpenCollection, fieldId: bigint | undefined): string =>
  schema.fields.find((field) => field.fieldID === fieldId)?.name ?? '';
