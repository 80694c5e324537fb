// A collection of a scenario's own, whose rows have no other marks than a note each: made, written, read and dropped over the simulated network.
import { encodeInt64s } from '#model/columns/packed-array.js';
import type { SimulatedNetwork } from '#platform/memory/simulated-network.js';
import type { CallContext } from '#platform/transport.js';
import { MilvusServiceDefinition, type MutationResult } from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType, type FieldData, type IDs } from '#proto/milvus/schema.js';
import type { Client } from '#rpc/service.js';
import { int64sOf, longsOf, textsOf, wideLongsOf } from './field-values.js';
import { vectorOf } from './rows.js';
import { callContext, serviceAt } from './service-calls.js';

const DIM = 4;
const TTL = 'collection.ttl.seconds';

export interface OwnRow {
  readonly id: bigint;
  readonly note: string;
}

interface Answered {
  /** One for each row, in their order. */
  readonly ids: readonly bigint[];
  readonly at: bigint;
}

export class OwnCollection {
  readonly name: string;
  readonly #service: Client<typeof MilvusServiceDefinition>;
  readonly #network: SimulatedNetwork;

  constructor(network: SimulatedNetwork, address: string, name: string) {
    this.#network = network;
    this.#service = serviceAt(network, address, MilvusServiceDefinition);
    this.name = name;
  }

  get #named() {
    return { collectionName: this.name };
  }

  #context(): CallContext {
    return callContext(this.#network);
  }

  /** With its index, loaded. What is there already is left. */
  async make(shardsNum: number): Promise<void> {
    const schema = CollectionSchema.fromPartial({
      name: this.name,
      fields: [
        { name: 'pk', dataType: DataType.Int64, isPrimaryKey: true, autoID: true },
        { name: 'note', dataType: DataType.VarChar, typeParams: [{ key: 'max_length', value: '64' }] },
        { name: 'vec', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: String(DIM) }] },
      ],
    });
    const request = { ...this.#named, schema: CollectionSchema.encode(schema).finish(), shardsNum };
    await this.#service.createCollection(request, this.#context());
    const extraParams = [
      { key: 'index_type', value: 'FLAT' },
      { key: 'metric_type', value: 'L2' },
    ];
    const index = { ...this.#named, fieldName: 'vec', indexName: 'vec', extraParams };
    await this.#service.createIndex(index, this.#context());
    await this.#service.loadCollection({ ...this.#named, replicaNumber: 1 }, this.#context());
  }

  async drop(): Promise<void> {
    await this.#service.dropCollection(this.#named, this.#context());
  }

  /** @param seconds undefined: rows stay */
  async keepFor(seconds: number | undefined): Promise<void> {
    const properties = seconds === undefined ? [] : [{ key: TTL, value: String(seconds) }];
    const deleteKeys = seconds === undefined ? [TTL] : [];
    await this.#service.alterCollection({ ...this.#named, properties, deleteKeys }, this.#context());
  }

  async insert(notes: readonly string[]): Promise<Answered> {
    const request = { ...this.#named, fieldsData: columnsOf(notes), numRows: notes.length };
    return answered(await this.#service.insert(request, this.#context()));
  }

  /** Puts rows, with ids of their own, in the place of others. */
  async replace(ids: readonly bigint[], notes: readonly string[]): Promise<Answered> {
    const bytes = encodeInt64s(new Uint8Array(BigInt64Array.from(ids).buffer));
    const data = { $case: 'longData' as const, value: { data: bytes } };
    const keys = column('pk', DataType.Int64, { $case: 'scalars', value: { data } });
    const request = { ...this.#named, fieldsData: [keys, ...columnsOf(notes)], numRows: notes.length };
    return answered(await this.#service.upsert(request, this.#context()));
  }

  async flush(): Promise<void> {
    await this.#service.flush({ collectionNames: [this.name] }, this.#context());
  }

  async compact(): Promise<void> {
    await this.#service.manualCompaction(this.#named, this.#context());
  }

  async rows(): Promise<readonly OwnRow[]> {
    const queryParams = [{ key: 'limit', value: '16384' }];
    const request = { ...this.#named, expr: 'pk > 0', outputFields: ['pk', 'note'], queryParams };
    const { fieldsData } = await this.#service.query(request, this.#context());
    const notes = textsOf(fieldsData.find(({ fieldName }) => fieldName === 'note'));
    const ids = wideLongsOf(fieldsData.find(({ fieldName }) => fieldName === 'pk'));
    return ids.map((id, at) => ({ id, note: notes[at] ?? '' }));
  }

  async count(): Promise<number> {
    const request = { ...this.#named, outputFields: ['count(*)'] };
    const { fieldsData } = await this.#service.query(request, this.#context());
    return longsOf(fieldsData[0])[0] ?? Number.NaN;
  }
}

const column = (fieldName: string, type: DataType, field: FieldData['field']): FieldData => ({
  ...{ fieldId: 0n, isDynamic: false, validData: [] },
  ...{ fieldName, type, field },
});

/** A note has a vector that follows from its length. */
function columnsOf(notes: readonly string[]): FieldData[] {
  const vectors = new Uint8Array(notes.length * DIM * 4);
  for (const [at, note] of notes.entries()) vectors.set(vectorOf(note.length, at), at * DIM * 4);
  const texts = { $case: 'stringData' as const, value: { data: [...notes] } };
  const floats = { $case: 'floatVector' as const, value: { data: vectors } };
  return [
    column('note', DataType.VarChar, { $case: 'scalars', value: { data: texts } }),
    column('vec', DataType.FloatVector, { $case: 'vectors', value: { dim: BigInt(DIM), data: floats } }),
  ];
}

const answered = ({ IDs, timestamp: at }: MutationResult): Answered => ({ ids: idsOf(IDs), at });
const idsOf = (ids: IDs | undefined): bigint[] =>
  ids?.idField?.$case === 'intId' ? int64sOf(ids.idField.value.data) : [];
