// The calls of the client that imports, over the simulated network.
import { ElanusError } from '#base/errors.js';
import type { SimulatedNetwork } from '#platform/memory/simulated-network.js';
import type { CallContext } from '#platform/transport.js';
import { OperationsDefinition } from '#proto/elanus/roles.js';
import { ImportState } from '#proto/milvus/common.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { Client } from '#rpc/service.js';
import { longsOf, textsOf } from './field-values.js';
import type { FoundRow } from './import-model.js';
import { type ImportRow, importSchema, insertedFields, UNTIL } from './import-rows.js';
import { versionOf } from './rows.js';
import { callContext, serviceAt } from './service-calls.js';

export type JobState = 'running' | 'waiting' | 'completed' | 'failed' | 'forgotten';

export interface ImportOrderOf {
  readonly file: string;
  readonly key: string;
  readonly isTwoPhase: boolean;
}

export class ImportClient {
  readonly #network: SimulatedNetwork;
  readonly #service: Client<typeof MilvusServiceDefinition>;
  readonly #operations: Client<typeof OperationsDefinition>;
  readonly #collectionName: string;

  constructor(network: SimulatedNetwork, address: string, collectionName: string) {
    this.#network = network;
    this.#service = serviceAt(network, address, MilvusServiceDefinition);
    this.#operations = serviceAt(network, address, OperationsDefinition);
    this.#collectionName = collectionName;
  }

  #context(): CallContext {
    return callContext(this.#network);
  }

  get #named() {
    return { collectionName: this.#collectionName };
  }

  async create(shardsNum: number): Promise<void> {
    const schema = importSchema(this.#collectionName);
    const properties = [{ key: 'ttl_field', value: UNTIL }];
    await this.#service.createCollection({ ...this.#named, schema, shardsNum, properties }, this.#context());
    const extraParams = [
      { key: 'index_type', value: 'FLAT' },
      { key: 'metric_type', value: 'L2' },
    ];
    await this.#service.createIndex(
      { ...this.#named, fieldName: 'vec', indexName: 'vec', extraParams },
      this.#context(),
    );
  }

  async load(): Promise<void> {
    await this.#service.loadCollection({ ...this.#named, replicaNumber: 1 }, this.#context());
  }

  async drop(): Promise<void> {
    await this.#service.dropCollection(this.#named, this.#context());
  }

  /** @returns the number of the job */
  async order({ file, key, isTwoPhase }: ImportOrderOf): Promise<bigint> {
    const options = isTwoPhase ? [{ key: 'auto_commit', value: 'false' }] : [];
    const request = { ...this.#named, files: [file], options, idempotencyKey: key };
    const [job] = (await this.#service.import(request, this.#context())).tasks;
    if (job === undefined) throw new ElanusError('internal', 'import answered without a job');
    return job;
  }

  async stateOf(task: bigint): Promise<JobState> {
    const answer = await this.#service.getImportState({ task }, this.#context()).catch((error: unknown) => {
      if (error instanceof ElanusError && /does not exist/.test(error.message)) return undefined;
      throw error;
    });
    switch (answer?.state) {
      case undefined:
        return 'forgotten';
      case ImportState.ImportCompleted:
        return 'completed';
      case ImportState.ImportFailed:
      case ImportState.ImportFailedAndCleaned:
        return 'failed';
      case ImportState.ImportPersisted:
        return 'waiting';
      default:
        return 'running';
    }
  }

  async decide(jobId: bigint, decision: 'commit' | 'abort'): Promise<void> {
    const request = { ...this.#named, jobId };
    if (decision === 'commit') await this.#operations.commitImport(request, this.#context());
    else await this.#operations.abortImport(request, this.#context());
  }

  async insert(rows: readonly ImportRow[]): Promise<bigint> {
    const request = { ...this.#named, fieldsData: insertedFields(rows), numRows: rows.length };
    return (await this.#service.insert(request, this.#context())).timestamp;
  }

  async flush(): Promise<void> {
    await this.#service.flush({ collectionNames: [this.#collectionName] }, this.#context());
  }

  async compact(): Promise<void> {
    await this.#service.manualCompaction(this.#named, this.#context());
  }

  /** Every row, and the time of the read in ms of the oracle. @param isNewest as they are in each shard, not as they were at one time */
  async rows(isNewest = false): Promise<{ readonly rows: readonly FoundRow[]; readonly atMs: number }> {
    const limit = { key: 'limit', value: '16384' };
    const queryParams = isNewest ? [limit] : [{ key: 'iterator', value: 'True' }, limit];
    const request = { ...this.#named, expr: 'pk >= 0', outputFields: ['pk', 'note'], queryParams };
    const { fieldsData, sessionTs } = await this.#service.query(request, this.#context());
    const notes = textsOf(fieldsData.find(({ fieldName }) => fieldName === 'note'));
    const rows = longsOf(fieldsData.find(({ fieldName }) => fieldName === 'pk')).map((key, at) => ({
      key,
      version: versionOf(notes[at] ?? ''),
    }));
    return { rows, atMs: Number(sessionTs >> 18n) };
  }

  async count(): Promise<number> {
    const { fieldsData } = await this.#service.query(
      { ...this.#named, outputFields: ['count(*)'] },
      this.#context(),
    );
    return longsOf(fieldsData[0])[0] ?? Number.NaN;
  }
}
