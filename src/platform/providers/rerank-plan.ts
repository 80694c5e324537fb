// What a reranker of a search asks of whom, from its parameters and the settings.
import { ElanusError } from '#base/errors.js';
import { RequestParams, refuse } from '#model/params/request-params.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import { type Access, accessOf, checkEnabled } from './provider-access.js';
import type { ProviderSettings } from './provider-settings.js';
import { type RerankShape, rerankBatch, rerankParams, rerankShapes } from './rerank-shapes.js';

export interface RerankPlan {
  readonly provider: string;
  readonly shape: RerankShape;
  readonly access: Access;
  readonly params: RequestParams;
  readonly model: string;
  readonly batchMax: number;
}

/** @throws invalid_parameter */
export function rerankPlan(pairs: readonly KeyValuePair[], settings: ProviderSettings): RerankPlan {
  const params = new RequestParams(pairs.map(({ key, value }) => ({ key: key.toLowerCase(), value })));
  const provider = params.text('provider')?.toLowerCase() ?? refuse('lost rerank params:provider');
  const shape = rerankShapes.get(provider);
  if (shape === undefined)
    return refuse(
      `unknown rerank model provider:${provider.slice(0, 64)}; expected one of ${[...rerankShapes.keys()].join(', ')}`,
    );
  const entry = settings.rerank.get(provider);
  checkEnabled(entry, `rerank provider: [${provider}] is disabled`);
  const known = [...rerankParams, ...shape.params];
  const other = pairs.find(({ key }) => !known.includes(key.toLowerCase()));
  if (other !== undefined)
    refuse(
      `rerank provider ${provider} has no parameter ${other.key.slice(0, 64)}; expected some of ${known.join(', ')}`,
    );
  const model = params.text('model_name') ?? '';
  if (model === '' && shape.needsModel) refuse(`${provider} rerank model name is required`);
  const access = accessOf({ ...shape, name: provider }, params, entry, settings);
  return { provider, shape, access, params, model, batchMax: rerankBatch(params, shape) };
}

/** @throws function_failed for what is not a finite score for each text */
export function scoresOf(answer: unknown, texts: number, { shape, provider }: RerankPlan): Float32Array {
  const scores = shape.scores(answer);
  if (scores === undefined || scores.length !== texts)
    throw new ElanusError(
      'function_failed',
      `Call Rerank service failed, ${texts} docs but got ${scores?.length ?? 0} scores: provider ${provider}`,
    );
  // Answers have scores of 32 bits, in which a larger one is no number any more.
  const wrong = scores.findIndex(
    (score) => typeof score !== 'number' || !Number.isFinite(Math.fround(score)),
  );
  if (wrong >= 0)
    throw new ElanusError(
      'function_failed',
      `Call Rerank service failed, score ${wrong} is no number: provider ${provider}`,
    );
  return Float32Array.from(scores, Number);
}
