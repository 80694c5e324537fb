// The demo's collection, used as any Milvus client would use it: nothing here knows that the server is Elanus.
import { DataType, MilvusClient } from '@zilliz/milvus2-sdk-node';
import { DIM } from './word-vectors.mjs';

const COLLECTION = 'words';
const must = (answer) => {
  const status = answer.status ?? answer;
  if (status.error_code !== undefined && status.error_code !== 'Success')
    throw new Error(`${status.error_code} (${status.code}): ${status.reason}`);
  return answer;
};

const quoted = (words) => `word in [${words.map((word) => JSON.stringify(word)).join(', ')}]`;

export class WordCollection {
  #client;

  constructor(address) {
    this.#client = new MilvusClient({ address });
  }

  async create() {
    await this.#client.connectPromise;
    must(
      await this.#client.createCollection({
        collection_name: COLLECTION,
        fields: [
          { name: 'word', data_type: DataType.VarChar, is_primary_key: true, max_length: 256 },
          { name: 'rank', data_type: DataType.Int64 },
          { name: 'vector', data_type: DataType.FloatVector, dim: DIM },
        ],
        index_params: [{ field_name: 'vector', index_type: 'FLAT', metric_type: 'COSINE' }],
      }),
    );
  }

  insert = async (rows) => must(await this.#client.insert({ collection_name: COLLECTION, data: rows }));
  upsert = async (rows) => must(await this.#client.upsert({ collection_name: COLLECTION, data: rows }));
  flush = async () => must(await this.#client.flushSync({ collection_names: [COLLECTION] }));
  load = async () => must(await this.#client.loadCollectionSync({ collection_name: COLLECTION }));
  delete = async (words) =>
    must(await this.#client.delete({ collection_name: COLLECTION, filter: quoted(words) }));
  /** All rows, or only those of these words. */
  async count(words) {
    return Number(
      must(
        await this.#client.count({
          collection_name: COLLECTION,
          expr: words === undefined ? '' : quoted(words),
        }),
      ).data,
    );
  }

  /** Rows of these words, in no particular order. */
  async get(words, fields = ['word', 'rank', 'vector']) {
    return must(
      await this.#client.query({ collection_name: COLLECTION, filter: quoted(words), output_fields: fields }),
    ).data;
  }

  async search(vector, limit = 10) {
    return must(
      await this.#client.search({
        collection_name: COLLECTION,
        data: [vector],
        anns_field: 'vector',
        limit,
        output_fields: ['word', 'rank'],
      }),
    ).results;
  }

  close = () => this.#client.closeConnection();
}
