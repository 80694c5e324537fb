// Changes of the fields of a collection, as clients ask for them; root-coord checks and keeps them.
import { ElanusError } from '#base/errors.js';
import { decodeBounded, INNER_UNITS_MAX } from '#model/bounded-decode.js';
import { withAlteredFunction, withFunction, withFunctionField } from '#model/functions/function-changes.js';
import type { VersionedSchema } from '#model/schema/schema-change.js';
import type { CallContext } from '#platform/transport.js';
import type { SchemaChange } from '#proto/elanus/roles.js';
import type { AlterCollectionSchemaRequest_Action } from '#proto/milvus/milvus.js';
import { type CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { checkEmbeddings } from './check-embeddings.js';

type SchemaParts = Pick<ProxyParts, 'access' | 'definitions' | 'providers'>;
type Change = NonNullable<SchemaChange['change']>;
type Named = { readonly dbName: string; readonly collectionName: string; readonly collectionID?: bigint };

export class SchemaMethods {
  readonly #parts: SchemaParts;

  constructor(parts: SchemaParts) {
    this.#parts = parts;
  }

  readonly addCollectionField: PublicHandler<'addCollectionField'> = (request, context) =>
    this.#change(
      request,
      {
        $case: 'addFields',
        value: { fields: [decodeField(request.schema)], structs: [], indexes: [], functions: [] },
      },
      context,
    );

  readonly addCollectionStructField: PublicHandler<'addCollectionStructField'> = (request, context) => {
    const { structArrayFieldSchema: struct } = request;
    if (struct === undefined)
      throw new ElanusError('missing_parameter', 'struct_array_field_schema is missing, expected the field');
    return this.#change(
      request,
      { $case: 'addFields', value: { fields: [], structs: [struct], indexes: [], functions: [] } },
      context,
    );
  };

  readonly alterCollectionSchema: PublicHandler<'alterCollectionSchema'> = async (request, context) => {
    const change = changeOf(request.action);
    if (change.$case === 'addFields' && change.value.functions.length > 0) {
      const { schema, record } = await this.#parts.access.open(request, context);
      const zone = record.properties.timezone ?? 'UTC';
      const names = change.value.functions.map(({ name }) => name);
      // The model is tried before anybody waits for what it makes.
      const tried = withFunctionField(unversioned(schema), change.value, zone).schema;
      await checkEmbeddings(this.#parts, tried, names, context);
    }
    await this.#change(request, change, context);
    return { alterStatus: {} };
  };

  readonly addCollectionFunction: PublicHandler<'addCollectionFunction'> = async (request, context) => {
    const { functionSchema: sent } = request;
    if (sent === undefined) throw new ElanusError('missing_parameter', 'Function schema is empty');
    const { schema } = await this.#parts.access.open(request, context);
    await checkEmbeddings(this.#parts, withFunction(unversioned(schema), sent).schema, [sent.name], context);
    return this.#change(request, { $case: 'addFunction', value: sent }, context);
  };

  readonly alterCollectionFunction: PublicHandler<'alterCollectionFunction'> = async (request, context) => {
    const change = { name: request.functionName, function: request.functionSchema };
    const { schema } = await this.#parts.access.open(request, context);
    const altered = withAlteredFunction(unversioned(schema), change).schema;
    await checkEmbeddings(this.#parts, altered, [change.name], context);
    return this.#change(request, { $case: 'alterFunction', value: change }, context);
  };

  readonly dropCollectionFunction: PublicHandler<'dropCollectionFunction'> = (request, context) =>
    this.#change(
      request,
      { $case: 'dropFunction', value: { name: request.functionName, withOutputs: false } },
      context,
    );

  readonly alterCollectionField: PublicHandler<'alterCollectionField'> = (request, context) => {
    const { fieldName: name, properties, deleteKeys } = request;
    return this.#change(request, { $case: 'alterField', value: { name, properties, deleteKeys } }, context);
  };

  async #change(request: Named, change: Change, context: CallContext): Promise<object> {
    const { access, definitions } = this.#parts;
    const { record, database } = await access.open(request, context);
    await definitions.changeSchema(
      { collection: { database, name: record.schema?.name ?? '', id: record.id }, change },
      context,
    );
    return {};
  }
}

/** Root-coord decides on what it has; here the question is only what the function would ask for. */
const unversioned = (schema: CollectionSchema): VersionedSchema => ({ schema, lastFieldId: 0n });

function decodeField(bytes: Uint8Array): FieldSchema {
  try {
    return decodeBounded(FieldSchema, bytes, INNER_UNITS_MAX).message;
  } catch (cause) {
    if (cause instanceof ElanusError) throw cause;
    throw new ElanusError(
      'invalid_parameter',
      'the schema of the field cannot be decoded; send a serialized FieldSchema',
      { cause },
    );
  }
}

/** @throws missing_parameter, invalid_parameter */
function changeOf(action: AlterCollectionSchemaRequest_Action | undefined): Change {
  const { op } = action ?? {};
  if (op?.$case === 'addRequest') {
    const { fieldInfos, funcSchema: functions, doPhysicalBackfill } = op.value;
    if (doPhysicalBackfill && functions.length === 0)
      throw new ElanusError(
        'invalid_parameter',
        'do_physical_backfill is for a field that a function makes, and no function is given; add func_schema, or leave it out: invalid parameter',
      );
    const fields = fieldInfos.flatMap(({ fieldSchema }) => fieldSchema ?? []);
    if (fields.length === 0 || fields.length < fieldInfos.length)
      throw new ElanusError('missing_parameter', 'add_request names no field, expected field_schema in each');
    // A field without either has no index until one is made for it.
    const indexes = fieldInfos.flatMap(({ fieldSchema, indexName, extraParams }) =>
      indexName === '' && extraParams.length === 0
        ? []
        : [{ fieldName: fieldSchema?.name ?? '', indexName, extraParams }],
    );
    return { $case: 'addFields', value: { fields, structs: [], indexes, functions } };
  }
  if (op?.$case === 'dropRequest') {
    const { identifier } = op.value;
    const withOutputs = op.value.dropFunctionOutputFields;
    if (identifier?.$case === 'functionName')
      return { $case: 'dropFunction', value: { name: identifier.value, withOutputs } };
    if (withOutputs)
      throw new ElanusError(
        'invalid_parameter',
        'drop_function_output_fields is for the drop of a function, and none is named; name it: invalid parameter',
      );
    const name = identifier?.$case === 'fieldName' ? identifier.value : '';
    const id = identifier?.$case === 'fieldId' ? identifier.value : 0n;
    if (name !== '' || id > 0n) return { $case: 'dropField', value: { name, id } };
  }
  throw new ElanusError(
    'missing_parameter',
    'AlterCollectionSchema: no field given, expected add_request with fields or drop_request with field_name or field_id',
  );
}
