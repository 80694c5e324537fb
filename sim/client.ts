// A client of the simulated cluster: calls the public service of the proxy over the simulated network, as a process of its own would.
import { ElanusError } from '#base/errors.js';
import { decodeInt64s } from '#model/packed-array.js';
import { MemoryTransport } from '#platform/memory/memory-transport.js';
import type { SimulatedNetwork } from '#platform/memory/simulated-network.js';
import type { CallContext } from '#platform/transport.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { FieldData, IDs } from '#proto/milvus/schema.js';
import { type Client, remoteClient } from '#rpc/service.js';
import { fieldsOf, type KeyVersion, placeholderOf, type Row, schemaBytes, versionOf } from './rows.js';

export interface Hit {
  readonly key: number;
  readonly score: number;
}
export class SimClient {
  readonly #network: SimulatedNetwork;
  readonly #service: Client<typeof MilvusServiceDefinition>;

  constructor(network: SimulatedNetwork, address: string) {
    this.#network = network;
    const connection = new MemoryTransport(network, 'client').connect(address);
    this.#service = remoteClient(MilvusServiceDefinition, (path, request, context) => connection.call(path, request, context));
  }
  #within(limitMs: number): CallContext {
    return { signal: new AbortController().signal, deadlineMs: this.#network.world.clock.now() + limitMs, metadata: {} };
  }
  async create(collectionName: string, shardsNum: number, limitMs: number): Promise<void> {
    await this.#service.createCollection({ collectionName, schema: schemaBytes(collectionName), shardsNum }, this.#within(limitMs));
  }
  async createIndex(collectionName: string, limitMs: number): Promise<void> {
    const extraParams = [
      { key: 'index_type', value: 'FLAT' },
      { key: 'metric_type', value: 'L2' },
    ];
    await this.#service.createIndex({ collectionName, fieldName: 'vec', indexName: 'vec', extraParams }, this.#within(limitMs));
  }
  async load(collectionName: string, limitMs: number): Promise<void> {
    await this.#service.loadCollection({ collectionName, replicaNumber: 1 }, this.#within(limitMs));
  }
  async release(collectionName: string, limitMs: number): Promise<void> {
    await this.#service.releaseCollection({ collectionName }, this.#within(limitMs));
  }
  async insert(collectionName: string, rows: readonly KeyVersion[], limitMs: number): Promise<void> {
    await this.#service.insert({ collectionName, fieldsData: fieldsOf(rows), numRows: rows.length }, this.#within(limitMs));
  }
  async upsert(collectionName: string, rows: readonly KeyVersion[], limitMs: number): Promise<void> {
    await this.#service.upsert({ collectionName, fieldsData: fieldsOf(rows), numRows: rows.length }, this.#within(limitMs));
  }
  async delete(collectionName: string, keys: readonly number[], limitMs: number): Promise<void> {
    await this.#service.delete({ collectionName, expr: `pk in [${keys.join(',')}]` }, this.#within(limitMs));
  }
  /** @returns whether all that was written before is in files. */
  async flush(collectionName: string, limitMs: number): Promise<boolean> {
    const { collFlushTs } = await this.#service.flush({ collectionNames: [collectionName] }, this.#within(limitMs));
    const flushTs = collFlushTs[collectionName];
    if (flushTs === undefined) throw new ElanusError('internal', 'flush answered without a timestamp for the collection');
    return (await this.#service.getFlushState({ collectionName, flushTs }, this.#within(limitMs))).flushed;
  }
  async rows(collectionName: string, keys: readonly number[], limitMs: number): Promise<Row[]> {
    const request = { collectionName, expr: `pk in [${keys.join(',')}]`, outputFields: ['pk', 'note', 'vec'] };
    const { fieldsData } = await this.#service.query(request, this.#within(limitMs));
    return rowsOf(fieldsData);
  }
  async count(collectionName: string, limitMs: number): Promise<number> {
    const { fieldsData } = await this.#service.query({ collectionName, outputFields: ['count(*)'] }, this.#within(limitMs));
    const [count] = longsOf(fieldsData[0]);
    if (count === undefined) throw new ElanusError('internal', 'count(*) answered without a number');
    return count;
  }
  async search(collectionName: string, vector: Uint8Array, topK: number, limitMs: number): Promise<Hit[]> {
    const searchParams = [
      { key: 'anns_field', value: 'vec' },
      { key: 'topk', value: String(topK) },
      { key: 'metric_type', value: 'L2' },
      { key: 'params', value: '{}' },
    ];
    const searchInput = { $case: 'placeholderGroup' as const, value: placeholderOf(vector) };
    const { results } = await this.#service.search({ collectionName, searchInput, searchParams, nq: 1n }, this.#within(limitMs));
    return keysOf(results?.ids).map((key, at) => ({ key, score: results?.scores[at] ?? Number.NaN }));
  }
}

function rowsOf(fields: readonly FieldData[]): Row[] {
  const named = new Map(fields.map((field) => [field.fieldName, field]));
  const notes = textsOf(named.get('note'));
  const vectors = named.get('vec')?.field;
  const bytes =
    vectors?.$case === 'vectors' && vectors.value.data?.$case === 'floatVector' ? vectors.value.data.value.data : new Uint8Array(0);
  const width = notes.length === 0 ? 0 : bytes.length / notes.length;
  return longsOf(named.get('pk')).map((key, at) => ({
    key,
    version: versionOf(notes[at] ?? ''),
    vector: bytes.slice(at * width, (at + 1) * width),
  }));
}
function longsOf(field: FieldData | undefined): number[] {
  const data = field?.field?.$case === 'scalars' ? field.field.value.data : undefined;
  return data?.$case === 'longData' ? numbers(data.value.data) : [];
}
function textsOf(field: FieldData | undefined): readonly string[] {
  const data = field?.field?.$case === 'scalars' ? field.field.value.data : undefined;
  return data?.$case === 'stringData' ? data.value.data : [];
}
const keysOf = (ids: IDs | undefined): number[] => (ids?.idField?.$case === 'intId' ? numbers(ids.idField.value.data) : []);
function numbers(packed: Uint8Array): number[] {
  const bytes = decodeInt64s(packed, 'an answer');
  return Array.from(new BigInt64Array(bytes.slice().buffer), Number);
}
