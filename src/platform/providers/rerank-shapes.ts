// What each provider of rerankers is sent and answers: one entry each. Pure.
import { type RequestParams, refuse } from '#model/params/request-params.js';
import {
  byIndex,
  clientBatch,
  listOf,
  member,
  pathOf,
  truncation,
  unless,
  withPath,
} from './answer-parts.js';

export interface RerankShape {
  /** Address of the provider; empty: whoever runs it says where it is. */
  readonly url: string;
  readonly keyVariable: string | undefined;
  readonly needsModel: boolean;
  /** Parameters beside those that all take. */
  readonly params: readonly string[];
  /** Texts at once, unless the function says otherwise. */
  readonly batch: number;
  address(base: string, model: string): string;
  body(asked: RerankedTexts): object;
  /** A score for each text, in their order; undefined: it is none. */
  scores(answer: unknown): readonly unknown[] | undefined;
}

export interface RerankedTexts {
  readonly query: string;
  readonly texts: readonly string[];
  readonly model: string;
  readonly params: RequestParams;
}

const asGiven = (base: string): string => base;

function count(params: RequestParams, key: string): number | undefined {
  const value = params.integer(key);
  return value === undefined || value >= 0
    ? value
    : refuse(`[${key} param's value: ${value}] is not a valid number; expected one from 0`);
}

const given = (params: RequestParams, key: string): object =>
  unless(params.text(key) === undefined, key, count(params, key));

const cohere: RerankShape = {
  url: 'https://api.cohere.com/v2/rerank',
  keyVariable: 'COHERE_API_KEY',
  needsModel: true,
  params: ['max_tokens_per_doc'],
  batch: 128,
  address: asGiven,
  body: ({ query, texts, model, params }) => ({
    model,
    query,
    documents: texts,
    top_n: texts.length,
    ...given(params, 'max_tokens_per_doc'),
  }),
  scores: (answer) => byIndex(listOf(member(answer, 'results')), 'index', 'relevance_score'),
};

const voyageai: RerankShape = {
  url: 'https://api.voyageai.com/v1/rerank',
  keyVariable: 'VOYAGEAI_API_KEY',
  needsModel: true,
  params: ['truncation'],
  batch: 128,
  address: asGiven,
  body: ({ query, texts, model, params }) => ({
    model,
    query,
    documents: texts,
    top_k: texts.length,
    ...unless(params.text('truncation') === undefined, 'truncation', params.boolean('truncation')),
  }),
  scores: (answer) => byIndex(listOf(member(answer, 'data')), 'index', 'relevance_score'),
};

const siliconflow: RerankShape = {
  url: 'https://api.siliconflow.cn/v1/rerank',
  keyVariable: 'SILICONFLOW_API_KEY',
  needsModel: true,
  params: ['max_chunks_per_doc', 'overlap_tokens'],
  batch: 128,
  address: asGiven,
  body: ({ query, texts, model, params }) => ({
    model,
    query,
    documents: texts,
    top_n: texts.length,
    return_documents: false,
    ...given(params, 'max_chunks_per_doc'),
    ...given(params, 'overlap_tokens'),
  }),
  scores: cohere.scores,
};

const tei: RerankShape = {
  url: '',
  keyVariable: undefined,
  needsModel: false,
  params: ['truncate', 'truncation_direction'],
  batch: 32,
  address: (base) => withPath(base, '/rerank'),
  body: ({ query, texts, params }) => {
    const direction = truncation(params, 'truncation_direction', ['Left', 'Right']);
    return {
      query,
      texts,
      ...unless(params.text('truncate') === undefined, 'truncate', params.boolean('truncate')),
      ...unless(direction === undefined, 'truncation_direction', direction),
    };
  },
  scores: (answer) => byIndex(listOf(answer), 'index', 'score'),
};

const vllm: RerankShape = {
  url: '',
  keyVariable: undefined,
  needsModel: false,
  params: ['truncate_prompt_tokens'],
  batch: 32,
  address: (base) => withPath(base, '/rerank'),
  body: ({ query, texts, model, params }) => ({
    query,
    documents: texts,
    ...unless(model === '', 'model', model),
    ...given(params, 'truncate_prompt_tokens'),
  }),
  scores: cohere.scores,
};

const dashscope: RerankShape = {
  url: 'https://dashscope.aliyuncs.com/api/v1/services/rerank/text-rerank/text-rerank',
  keyVariable: 'DASHSCOPE_API_KEY',
  needsModel: true,
  params: [],
  batch: 128,
  address: asGiven,
  body: ({ query, texts, model }) => ({
    model,
    input: { query, documents: texts },
    parameters: { top_n: texts.length, return_documents: false },
  }),
  scores: (answer) =>
    byIndex(listOf(member(member(answer, 'output'), 'results')), 'index', 'relevance_score'),
};

const huggingface: RerankShape = {
  url: 'https://router.huggingface.co',
  keyVariable: 'HUGGINGFACE_API_KEY',
  needsModel: true,
  params: [],
  batch: 32,
  address: (base, model) =>
    withPath(base, `/hf-inference/models/${pathOf(model)}/pipeline/sentence-similarity`),
  body: ({ query, texts }) => ({ inputs: { source_sentence: query, sentences: texts } }),
  scores: listOf,
};

export const rerankShapes: ReadonlyMap<string, RerankShape> = new Map(
  // Milvus's name for it is `ali`; for embeddings it is `dashscope`.
  Object.entries({ vllm, tei, cohere, voyageai, siliconflow, dashscope, ali: dashscope, huggingface }),
);

export const rerankBatch = (params: RequestParams, shape: RerankShape): number =>
  clientBatch(params, shape.batch);

export const rerankParams: readonly string[] = [
  'reranker',
  'queries',
  'provider',
  'model_name',
  'credential',
  'url',
  'endpoint',
  'max_client_batch_size',
];
