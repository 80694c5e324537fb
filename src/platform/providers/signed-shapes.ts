// Providers whose requests are signed, and whose address depends on a region: Bedrock and Vertex AI.
import { type RequestParams, refuse } from '#model/params/request-params.js';
import { listOf, member, pathOf, truncation, unless, withPath } from './answer-parts.js';
import type { EmbeddingShape, Mode } from './embedding-shapes.js';
import type { ProviderEntry } from './provider-settings.js';

/** What may be a part of the name of a machine without changing which machine it is. */
const isHostPart = (text: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(text);

function hostPart(key: string, text: string | undefined): string {
  if (text === undefined) return refuse(`missing ${key}. Please pass \`${key}\` param`);
  return isHostPart(text)
    ? text
    : refuse(`${key} [${text.slice(0, 64)}] is invalid; expected the name of a ${key}`);
}

export const awsRegion = (params: RequestParams, entry: ProviderEntry): string =>
  hostPart('region', params.text('region') ?? entry.region);

export const bedrock: EmbeddingShape = {
  url: (params, entry) => `https://bedrock-runtime.${awsRegion(params, entry)}.amazonaws.com`,
  auth: 'aws',
  keyVariable: 'BEDROCK_ACCESS_KEY_ID',
  needsModel: true,
  hasInt8: false,
  params: ['region', 'normalize'],
  // Its models take one text.
  batchMax: () => 1,
  address: (base, { model }) => withPath(base, `/model/${pathOf(model)}/invoke`),
  body: ([inputText = ''], { dim, params }) => ({
    inputText,
    ...unless(dim === 0, 'dimensions', dim),
    normalize: params.text('normalize') === undefined || params.boolean('normalize'),
  }),
  vectors: (answer) => [member(answer, 'embedding')],
};

const LOCATION = 'us-central1';

/** What a text is for, by the task of the function. */
const tasks: Readonly<Record<string, Readonly<Record<Mode, string>>>> = {
  DOC_RETRIEVAL: { rows: 'RETRIEVAL_DOCUMENT', search: 'RETRIEVAL_QUERY' },
  CODE_RETRIEVAL: { rows: 'RETRIEVAL_DOCUMENT', search: 'CODE_RETRIEVAL_QUERY' },
  STS: { rows: 'SEMANTIC_SIMILARITY', search: 'SEMANTIC_SIMILARITY' },
};

export const vertexai: EmbeddingShape = {
  url(params, entry) {
    const location = hostPart('location', params.text('location') ?? entry.location ?? LOCATION);
    const project = hostPart('projectid', params.text('projectid') ?? entry.project_id);
    return `https://${location}-aiplatform.googleapis.com/v1/projects/${project}/locations/${location}/publishers/google/models`;
  },
  auth: 'google',
  keyVariable: undefined,
  needsModel: true,
  hasInt8: false,
  params: ['location', 'projectid', 'task'],
  batchMax: () => 128,
  address: (base, { model }) => withPath(base, `/${pathOf(model)}:predict`),
  body: (texts, { dim, mode, params }) => {
    const task = truncation(params, 'task', Object.keys(tasks)) ?? 'DOC_RETRIEVAL';
    return {
      instances: texts.map((content) => ({ task_type: tasks[task]?.[mode], content })),
      parameters: unless(dim === 0, 'outputDimensionality', dim),
    };
  },
  vectors: (answer) =>
    listOf(member(answer, 'predictions'))?.map((one) => member(member(one, 'embeddings'), 'values')),
};
