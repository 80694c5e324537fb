// A client of the simulated cluster: calls the public service of the proxy over the simulated network, as a process of its own would.
import { ElanusError } from '#base/errors.js';
import type { SimulatedNetwork } from '#platform/memory/simulated-network.js';
import type { CallContext } from '#platform/transport.js';
import { CompactionState, ImportState } from '#proto/milvus/common.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { FieldData, IDs, SearchResultData } from '#proto/milvus/schema.js';
import type { Client } from '#rpc/service.js';
import type { CollectionSpec, IndexChoice } from './collection-spec.js';
import { EXTRA, type RowWithExtra } from './extra-field.js';
import { longsOf, numbersOf, textsOf } from './field-values.js';
import {
  fieldsOf,
  type KeyVersion,
  noteBegin,
  placeholderOf,
  type Side,
  schemaBytes,
  sideFields,
  versionOf,
} from './rows.js';
import { callContext, serviceAt } from './service-calls.js';
import { WordsClient } from './words-client.js';

export interface Hit {
  readonly key: number;
  readonly score: number;
  /** By the note that came with it. */
  readonly version: number;
}

export interface SearchRequest {
  readonly vector: Uint8Array;
  readonly topK: number;
  readonly partitions: readonly string[];
  /** A timestamp that a write returned: the search sees at least what was written then. */
  readonly guarantee: bigint;
}

export interface SideUpdate {
  readonly keys: readonly number[];
  readonly side: Side;
  readonly value: number;
}

const pairs = (
  values: Readonly<Record<string, string>>,
): { readonly key: string; readonly value: string }[] =>
  Object.entries(values).map(([key, value]) => ({ key, value }));

export class SimClient {
  readonly #network: SimulatedNetwork;
  readonly #service: Client<typeof MilvusServiceDefinition>;
  readonly words: WordsClient;

  constructor(network: SimulatedNetwork, address: string) {
    this.#network = network;
    this.#service = serviceAt(network, address, MilvusServiceDefinition);
    this.words = new WordsClient(this.#service, () => this.#context());
  }

  #context(): CallContext {
    return callContext(this.#network);
  }

  async create(spec: CollectionSpec): Promise<void> {
    const request = {
      collectionName: spec.name,
      schema: schemaBytes(spec),
      shardsNum: spec.shards,
      ...(spec.partitions === 'key' && { numPartitions: 4n }),
    };
    await this.#service.createCollection(request, this.#context());
  }

  async drop(collectionName: string): Promise<void> {
    await this.#service.dropCollection({ collectionName }, this.#context());
  }

  async truncate(collectionName: string): Promise<void> {
    await this.#service.truncateCollection({ collectionName }, this.#context());
  }

  async createPartition(collectionName: string, partitionName: string): Promise<void> {
    await this.#service.createPartition({ collectionName, partitionName }, this.#context());
  }

  async dropPartition(collectionName: string, partitionName: string): Promise<void> {
    await this.#service.dropPartition({ collectionName, partitionName }, this.#context());
  }

  async createIndex(spec: CollectionSpec, index: IndexChoice): Promise<void> {
    const extraParams = pairs({
      index_type: index.type,
      metric_type: spec.metric,
      params: JSON.stringify(index.params),
    });
    await this.#service.createIndex(
      { collectionName: spec.name, fieldName: 'vec', indexName: 'vec', extraParams },
      this.#context(),
    );
  }

  async dropIndex(collectionName: string): Promise<void> {
    await this.#service.dropIndex({ collectionName, fieldName: 'vec', indexName: 'vec' }, this.#context());
  }

  async addField(collectionName: string, schema: Uint8Array): Promise<void> {
    await this.#service.addCollectionField({ collectionName, schema }, this.#context());
  }

  async dropField(collectionName: string, name: string): Promise<void> {
    const identifier = { $case: 'fieldName' as const, value: name };
    const value = { identifier, dropFunctionOutputFields: false };
    const action = { op: { $case: 'dropRequest' as const, value } };
    await this.#service.alterCollectionSchema({ collectionName, action }, this.#context());
  }

  async createScalarIndex(collectionName: string, fieldName: string, type: string): Promise<void> {
    const extraParams = pairs({ index_type: type });
    await this.#service.createIndex(
      { collectionName, fieldName, indexName: fieldName, extraParams },
      this.#context(),
    );
  }

  async dropScalarIndex(collectionName: string, fieldName: string): Promise<void> {
    await this.#service.dropIndex({ collectionName, fieldName, indexName: fieldName }, this.#context());
  }

  async load(collectionName: string): Promise<void> {
    await this.#service.loadCollection({ collectionName, replicaNumber: 1 }, this.#context());
  }

  async release(collectionName: string): Promise<void> {
    await this.#service.releaseCollection({ collectionName }, this.#context());
  }

  async loadPartitions(collectionName: string, names: readonly string[]): Promise<void> {
    await this.#service.loadPartitions(
      { collectionName, partitionNames: [...names], replicaNumber: 1 },
      this.#context(),
    );
  }

  async releasePartitions(collectionName: string, names: readonly string[]): Promise<void> {
    await this.#service.releasePartitions({ collectionName, partitionNames: [...names] }, this.#context());
  }

  async insert(
    spec: CollectionSpec,
    partitionName: string,
    rows: readonly KeyVersion[],
    hasExtra: boolean,
  ): Promise<bigint> {
    const request = {
      collectionName: spec.name,
      partitionName,
      fieldsData: fieldsOf(spec, rows, hasExtra),
      numRows: rows.length,
    };
    return (await this.#service.insert(request, this.#context())).timestamp;
  }

  async upsert(
    spec: CollectionSpec,
    partitionName: string,
    rows: readonly KeyVersion[],
    hasExtra: boolean,
  ): Promise<bigint> {
    const request = {
      collectionName: spec.name,
      partitionName,
      fieldsData: fieldsOf(spec, rows, hasExtra),
      numRows: rows.length,
    };
    return (await this.#service.upsert(request, this.#context())).timestamp;
  }

  /** @param isByNote rows are found by what their note begins with, among those that are loaded, and then deleted */
  async delete(collectionName: string, keys: readonly number[], isByNote = false): Promise<bigint> {
    const expr = isByNote ? byNote(keys) : `pk in [${keys.join(',')}]`;
    return (await this.#service.delete({ collectionName, expr }, this.#context())).timestamp;
  }

  /** @returns the number of the job */
  async import(collectionName: string, partitionName: string, file: string): Promise<bigint> {
    const { tasks } = await this.#service.import(
      { collectionName, partitionName, files: [file] },
      this.#context(),
    );
    const [job] = tasks;
    if (job === undefined) throw new ElanusError('internal', 'import answered without a job');
    return job;
  }

  async importState(task: bigint): Promise<'running' | 'completed' | 'failed'> {
    const { state } = await this.#service.getImportState({ task }, this.#context());
    if (state === ImportState.ImportCompleted) return 'completed';
    return isOver(state) ? 'failed' : 'running';
  }

  /** @returns whether every job that was ever begun has ended. */
  async importsAreOver(): Promise<boolean> {
    const { tasks } = await this.#service.listImportTasks({}, this.#context());
    return tasks.every(({ state }) => isOver(state));
  }

  async compact(collectionName: string): Promise<bigint> {
    return (await this.#service.manualCompaction({ collectionName }, this.#context())).compactionID;
  }

  /** @returns undefined while it goes on */
  async compactionEnd(compactionID: bigint): Promise<string | undefined> {
    const { state, failedPlanNo } = await this.#service.getCompactionState({ compactionID }, this.#context());
    if (state !== CompactionState.Completed) return undefined;
    const { mergeInfos } = await this.#service.getCompactionStateWithPlans({ compactionID }, this.#context());
    const merged = mergeInfos.map(({ sources, target }) => `${sources.join('+')}=${target}`);
    return `${failedPlanNo} failed, ${merged.join(' ')}`;
  }

  /** Every key as a page of an iterator has it. @param at the time of its first page; 0n: this is the first */
  async keysAt(
    collectionName: string,
    at: bigint,
  ): Promise<{ readonly keys: readonly number[]; readonly at: bigint }> {
    const request = {
      ...{ collectionName, expr: 'pk >= 0', outputFields: ['pk'], guaranteeTimestamp: at },
      queryParams: pairs({ iterator: 'True', limit: '16384' }),
    };
    const { fieldsData, sessionTs } = await this.#service.query(request, this.#context());
    return { keys: longsOf(fieldsData.find(({ fieldName }) => fieldName === 'pk')), at: sessionTs };
  }

  /** @returns whether all that was written before is in files. */
  async flush(collectionName: string): Promise<boolean> {
    const { collFlushTs } = await this.#service.flush({ collectionNames: [collectionName] }, this.#context());
    const flushTs = collFlushTs[collectionName];
    if (flushTs === undefined)
      throw new ElanusError('internal', 'flush answered without a timestamp for the collection');
    return (await this.#service.getFlushState({ collectionName, flushTs }, this.#context())).flushed;
  }

  /** @param isByNote rows are found by what their note begins with: by an index of notes where there is one */
  async rows(
    collectionName: string,
    keys: readonly number[],
    isByNote: boolean,
    hasExtra: boolean,
  ): Promise<RowWithExtra[]> {
    const wanted = isByNote ? byNote(keys) : `pk in [${keys.join(',')}]`;
    const request = {
      collectionName,
      // Every row has a value in the field, also those that are older.
      expr: hasExtra && isByNote ? `(${wanted}) and (${EXTRA} < 0 or ${EXTRA} >= 0)` : wanted,
      outputFields: ['pk', 'note', 'vec', ...(hasExtra ? [EXTRA] : [])],
    };
    const { fieldsData } = await this.#service.query(request, this.#context());
    return rowsOf(fieldsData);
  }

  /** Sets a field of rows that are there, and leaves the others. */
  async update(
    collectionName: string,
    partitionName: string,
    { keys, side, value }: SideUpdate,
  ): Promise<void> {
    const fieldsData = sideFields(keys, side, value);
    const request = { collectionName, partitionName, fieldsData, numRows: keys.length, partialUpdate: true };
    await this.#service.upsert(request, this.#context());
  }

  /** What such a field has, by key; 0 where it was never set. */
  async sides(
    collectionName: string,
    keys: readonly number[],
    side: Side,
  ): Promise<ReadonlyMap<number, number>> {
    const request = { collectionName, expr: `pk in [${keys.join(',')}]`, outputFields: ['pk', side] };
    const { fieldsData } = await this.#service.query(request, this.#context());
    const columnOf = (name: string): number[] =>
      longsOf(fieldsData.find(({ fieldName }) => fieldName === name));
    const values = columnOf(side);
    return new Map(columnOf('pk').map((key, at) => [key, values[at] ?? 0]));
  }

  async count(collectionName: string, partitionNames: readonly string[]): Promise<number> {
    const request = { collectionName, partitionNames: [...partitionNames], outputFields: ['count(*)'] };
    const { fieldsData } = await this.#service.query(request, this.#context());
    const [count] = longsOf(fieldsData[0]);
    if (count === undefined) throw new ElanusError('internal', 'count(*) answered without a number');
    return count;
  }

  async rowCount(collectionName: string): Promise<number> {
    const { stats } = await this.#service.getCollectionStatistics({ collectionName }, this.#context());
    return Number(stats.find(({ key }) => key === 'row_count')?.value ?? Number.NaN);
  }

  async search(spec: CollectionSpec, { vector, topK, partitions, guarantee }: SearchRequest): Promise<Hit[]> {
    const searchParams = pairs({
      anns_field: 'vec',
      topk: String(topK),
      metric_type: spec.metric,
      params: '{}',
    });
    const searchInput = { $case: 'placeholderGroup' as const, value: placeholderOf(vector) };
    const { results } = await this.#service.search(
      {
        collectionName: spec.name,
        partitionNames: [...partitions],
        searchInput,
        searchParams,
        nq: 1n,
        outputFields: ['note'],
        guaranteeTimestamp: guarantee,
      },
      this.#context(),
    );
    return hitsOf(results);
  }

  async searchWords(collectionName: string, text: string, topK: number): Promise<Hit[]> {
    return hitsOf(await this.words.search(collectionName, { text, topK }));
  }
}

function hitsOf(results: SearchResultData | undefined): Hit[] {
  const scores = new Float32Array(new Uint8Array(results?.scores ?? []).buffer);
  const notes = textsOf(results?.fieldsData.find(({ fieldName }) => fieldName === 'note'));
  return keysOf(results?.ids).map((key, at) => ({
    key,
    score: scores[at] ?? Number.NaN,
    version: versionOf(notes[at] ?? ''),
  }));
}

const byNote = (keys: readonly number[]): string =>
  keys.map((key) => `note like "${noteBegin(key)}%"`).join(' or ');
const isOver = (state: ImportState): boolean =>
  state === ImportState.ImportCompleted ||
  state === ImportState.ImportFailed ||
  state === ImportState.ImportFailedAndCleaned;
function rowsOf(fields: readonly FieldData[]): RowWithExtra[] {
  const named = new Map(fields.map((field) => [field.fieldName, field]));
  const notes = textsOf(named.get('note'));
  const extras = longsOf(named.get(EXTRA));
  const vectors = named.get('vec')?.field;
  const bytes =
    vectors?.$case === 'vectors' && vectors.value.data?.$case === 'floatVector'
      ? vectors.value.data.value.data
      : new Uint8Array(0);
  const width = notes.length === 0 ? 0 : bytes.length / notes.length;
  return longsOf(named.get('pk')).map((key, at) => ({
    key,
    version: versionOf(notes[at] ?? ''),
    vector: bytes.slice(at * width, (at + 1) * width),
    extra: extras[at],
  }));
}

const keysOf = (ids: IDs | undefined): number[] =>
  ids?.idField?.$case === 'intId' ? numbersOf(ids.idField.value.data) : [];
