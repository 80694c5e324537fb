// Calls about the field of words: a function over notes that comes with its field to a collection with rows, goes with it, and is searched by.
import type { CallContext } from '#platform/transport.js';
import { PlaceholderGroup, PlaceholderType } from '#proto/milvus/common.js';
import type { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { DataType, FieldSchema, FunctionSchema, FunctionType } from '#proto/milvus/schema.js';
import type { Client } from '#rpc/service.js';

const WORDS = 'words';
const FUNCTION = 'count_words';
export const K1 = 1.2;

/** How much the length of a text counts: each life of the field has another index. */
export const lengthShare = (life: number): number => (life % 2 === 0 ? 0.3 : 0.75);

const pairs = (
  values: Readonly<Record<string, string>>,
): { readonly key: string; readonly value: string }[] =>
  Object.entries(values).map(([key, value]) => ({ key, value }));

export class WordsClient {
  readonly #service: Client<typeof MilvusServiceDefinition>;
  readonly #context: () => CallContext;

  constructor(service: Client<typeof MilvusServiceDefinition>, context: () => CallContext) {
    this.#service = service;
    this.#context = context;
  }

  async add(collectionName: string, life: number): Promise<void> {
    const params = { bm25_k1: String(K1), bm25_b: String(lengthShare(life)) };
    const extraParams = pairs({
      ...{ index_type: 'SPARSE_INVERTED_INDEX', metric_type: 'BM25' },
      params: JSON.stringify(params),
    });
    const fieldSchema = FieldSchema.fromPartial({ name: WORDS, dataType: DataType.SparseFloatVector });
    const made = FunctionSchema.fromPartial({
      ...{ name: FUNCTION, type: FunctionType.BM25 },
      ...{ inputFieldNames: ['note'], outputFieldNames: [WORDS] },
    });
    const value = {
      fieldInfos: [{ fieldSchema, indexName: WORDS, extraParams }],
      ...{ funcSchema: [made], doPhysicalBackfill: true },
    };
    const action = { op: { $case: 'addRequest' as const, value } };
    await this.#service.alterCollectionSchema({ collectionName, action }, this.#context());
  }

  async drop(collectionName: string): Promise<void> {
    const identifier = { $case: 'functionName' as const, value: FUNCTION };
    const value = { identifier, dropFunctionOutputFields: true };
    const action = { op: { $case: 'dropRequest' as const, value } };
    await this.#service.alterCollectionSchema({ collectionName, action }, this.#context());
  }

  /** @returns the answer as it came */
  async search(collectionName: string, { text, topK }: { readonly text: string; readonly topK: number }) {
    const values = [new TextEncoder().encode(text)];
    const placeholder = { tag: '$0', type: PlaceholderType.VarChar, values, elementLevel: false };
    const group = PlaceholderGroup.fromPartial({ placeholders: [placeholder] });
    const { results } = await this.#service.search(
      {
        collectionName,
        searchInput: { $case: 'placeholderGroup', value: PlaceholderGroup.encode(group).finish() },
        searchParams: pairs({
          ...{ anns_field: WORDS, topk: String(topK), metric_type: 'BM25', params: '{}' },
        }),
        nq: 1n,
        outputFields: ['note'],
      },
      this.#context(),
    );
    return results;
  }
}
