// What each provider of embeddings is sent and answers: one entry each. Pure; keys, addresses and calls are the matter of others.
import type { RequestParams } from '#model/params/request-params.js';
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
import type { ProviderEntry } from './provider-settings.js';

export type Mode = 'rows' | 'search';

/** What a function says, as far as requests depend on it. */
export interface EmbeddingPlan {
  readonly params: RequestParams;
  readonly model: string;
  /** 0: the function names none. */
  readonly dim: number;
  readonly isInt8: boolean;
  readonly mode: Mode;
}

export interface EmbeddingShape {
  /** Address of the provider, which may depend on a region; empty: whoever runs it says where it is. */
  readonly url: string | ((params: RequestParams, entry: ProviderEntry) => string);
  /** Variables of the environment that may hold the key, without their beginning; undefined: it needs none. */
  readonly keyVariable: string | undefined;
  /** The header of the key, or how requests are signed. */
  readonly auth: 'authorization' | 'api-key' | 'x-goog-api-key' | 'aws' | 'google';
  readonly needsModel: boolean;
  readonly hasInt8: boolean;
  /** Parameters beside those that all take. */
  readonly params: readonly string[];
  batchMax(plan: EmbeddingPlan): number;
  /** The whole address, from that of the provider. */
  address(base: string, plan: EmbeddingPlan): string;
  body(texts: readonly string[], plan: EmbeddingPlan): object;
  /** The vectors in an answer, in the order of the texts; undefined: it is none. */
  vectors(answer: unknown, plan: EmbeddingPlan): readonly unknown[] | undefined;
}

const asGiven = (base: string): string => base;
const always = (count: number) => (): number => count;

const openai: EmbeddingShape = {
  url: 'https://api.openai.com/v1/embeddings',
  keyVariable: 'OPENAI_API_KEY',
  auth: 'authorization',
  needsModel: true,
  hasInt8: false,
  params: ['user'],
  batchMax: always(128),
  address: asGiven,
  body: (input, { model, dim, params }) => ({
    model,
    input,
    ...unless(dim === 0, 'dimensions', dim),
    ...unless(params.text('user') === undefined, 'user', params.text('user')),
  }),
  vectors: (answer) => byIndex(listOf(member(answer, 'data')), 'index', 'embedding'),
};

const AZURE_VERSION = '2024-06-01';

const azureOpenai: EmbeddingShape = {
  ...openai,
  url: '',
  keyVariable: 'AZURE_OPENAI_API_KEY',
  auth: 'api-key',
  address: (base, { model }) => {
    const url = new URL(withPath(base, `/openai/deployments/${pathOf(model)}/embeddings`));
    url.searchParams.set('api-version', AZURE_VERSION);
    return url.href;
  },
};

const cohere: EmbeddingShape = {
  url: 'https://api.cohere.com/v2/embed',
  keyVariable: 'COHERE_API_KEY',
  auth: 'authorization',
  needsModel: true,
  hasInt8: true,
  params: ['truncate'],
  batchMax: always(96),
  address: asGiven,
  body: (texts, { model, mode, isInt8, params }) => ({
    model,
    texts,
    // Models of the second generation know no types of input.
    ...unless(model.endsWith('v2.0'), 'input_type', mode === 'rows' ? 'search_document' : 'search_query'),
    embedding_types: [isInt8 ? 'int8' : 'float'],
    truncate: truncation(params, 'truncate', ['NONE', 'START', 'END']) ?? 'END',
  }),
  vectors: (answer, { isInt8 }) => listOf(member(member(answer, 'embeddings'), isInt8 ? 'int8' : 'float')),
};

const voyageai: EmbeddingShape = {
  url: 'https://api.voyageai.com/v1/embeddings',
  keyVariable: 'VOYAGEAI_API_KEY',
  auth: 'authorization',
  needsModel: true,
  hasInt8: true,
  params: ['truncation'],
  batchMax: always(128),
  address: asGiven,
  body: (input, { model, mode, dim, isInt8, params }) => ({
    model,
    input,
    input_type: mode === 'rows' ? 'document' : 'query',
    truncation: params.boolean('truncation'),
    output_dtype: isInt8 ? 'int8' : 'float',
    ...unless(dim === 0, 'output_dimension', dim),
  }),
  vectors: openai.vectors,
};

const siliconflow: EmbeddingShape = {
  ...openai,
  url: 'https://api.siliconflow.cn/v1/embeddings',
  keyVariable: 'SILICONFLOW_API_KEY',
  params: [],
  batchMax: always(32),
  body: (input, { model, dim }) => ({
    model,
    input,
    encoding_format: 'float',
    ...unless(dim === 0, 'dimensions', dim),
  }),
};

const tei: EmbeddingShape = {
  url: '',
  keyVariable: undefined,
  auth: 'authorization',
  needsModel: false,
  hasInt8: false,
  params: ['truncate', 'truncation_direction', 'max_client_batch_size', 'ingestion_prompt', 'search_prompt'],
  batchMax: ({ params }) => clientBatch(params, 32),
  address: (base) => withPath(base, '/embed'),
  body: (texts, { params, mode }) => {
    const prompt = params.exact(mode === 'rows' ? 'ingestion_prompt' : 'search_prompt') ?? '';
    const direction = truncation(params, 'truncation_direction', ['Left', 'Right']);
    return {
      inputs: prompt === '' ? texts : texts.map((text) => prompt + text),
      truncate: params.boolean('truncate'),
      ...unless(direction === undefined, 'truncation_direction', direction),
    };
  },
  vectors: listOf,
};

const huggingface: EmbeddingShape = {
  url: 'https://router.huggingface.co',
  keyVariable: 'HUGGINGFACE_API_KEY',
  auth: 'authorization',
  needsModel: true,
  hasInt8: false,
  params: [
    'hf_provider',
    'normalize',
    'prompt_name',
    'truncate',
    'truncation_direction',
    'max_client_batch_size',
  ],
  batchMax: ({ params }) => clientBatch(params, 128),
  address: (base, { model, params }) => {
    const route = truncation(params, 'hf_provider', ['hf-inference']) ?? 'hf-inference';
    return withPath(base, `/${route}/models/${pathOf(model)}/pipeline/feature-extraction`);
  },
  body: (inputs, { params }) => {
    const direction = truncation(params, 'truncation_direction', ['left', 'right']);
    return {
      inputs,
      ...unless(params.text('normalize') === undefined, 'normalize', params.boolean('normalize')),
      ...unless(params.text('prompt_name') === undefined, 'prompt_name', params.text('prompt_name')),
      ...unless(params.text('truncate') === undefined, 'truncate', params.boolean('truncate')),
      ...unless(direction === undefined, 'truncation_direction', direction),
    };
  },
  vectors: listOf,
};

const dashscope: EmbeddingShape = {
  url: 'https://dashscope.aliyuncs.com/api/v1/services/embeddings/text-embedding/text-embedding',
  keyVariable: 'DASHSCOPE_API_KEY',
  auth: 'authorization',
  needsModel: true,
  hasInt8: false,
  params: [],
  batchMax: ({ model }) => (model === 'text-embedding-v3' || model === 'text-embedding-v4' ? 6 : 25),
  address: asGiven,
  body: (texts, { model, mode, dim }) => ({
    model,
    input: { texts },
    parameters: {
      text_type: mode === 'rows' ? 'document' : 'query',
      output_type: 'dense',
      ...unless(dim === 0, 'dimension', dim),
    },
  }),
  vectors: (answer) =>
    byIndex(listOf(member(member(answer, 'output'), 'embeddings')), 'text_index', 'embedding'),
};

const gemini: EmbeddingShape = {
  url: 'https://generativelanguage.googleapis.com',
  keyVariable: 'GEMINI_API_KEY',
  auth: 'x-goog-api-key',
  needsModel: true,
  hasInt8: false,
  params: ['task'],
  batchMax: always(32),
  address: (base, { model }) =>
    withPath(base, `/v1beta/models/${pathOf(model.replace(/^models\//, ''))}:batchEmbedContents`),
  body: (texts, { model, mode, dim, params }) => ({
    requests: texts.map((text) => ({
      model: `models/${model.replace(/^models\//, '')}`,
      content: { parts: [{ text }] },
      taskType: params.text('task') ?? (mode === 'rows' ? 'RETRIEVAL_DOCUMENT' : 'RETRIEVAL_QUERY'),
      ...unless(dim === 0, 'outputDimensionality', dim),
    })),
  }),
  vectors: (answer) => listOf(member(answer, 'embeddings'))?.map((one) => member(one, 'values')),
};

/** Providers that are asked with a key. */
export const keyedShapes = {
  openai,
  azure_openai: azureOpenai,
  cohere,
  voyageai,
  siliconflow,
  tei,
  huggingface,
  dashscope,
  gemini,
} as const satisfies Record<string, EmbeddingShape>;

/** Parameters of every function that asks a provider. */
export const commonParams: readonly string[] = [
  'provider',
  'model_name',
  'credential',
  'url',
  'endpoint',
  'dim',
];
