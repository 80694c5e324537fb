// The services outside that functions ask, as the settings of this process have them: texts become vectors, or get scores, in batches of what the provider
// takes at once, some of them side by side. Nothing is answered unless every text has its vector.
import { allSettled } from '#base/async.js';
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { refuse } from '#model/params/request-params.js';
import type { Platform } from '#platform/platform.js';
import type { KeyValuePair } from '#proto/milvus/common.js';
import type { Embedder, EmbeddingCaller, EmbeddingRequest } from '#text/functions/embedder.js';
import { authHeaders, keyHeader } from './auth-headers.js';
import { localPlan, type Plan, planOf, vectorsOf } from './embedding-plan.js';
import { GoogleTokens } from './google-tokens.js';
import { LOCAL_BATCH_MAX, LocalModels } from './local-models.js';
import { ProviderCalls } from './provider-calls.js';
import type { ProviderSettings } from './provider-settings.js';
import { type RerankPlan, rerankPlan, scoresOf } from './rerank-plan.js';

/** Characters of the texts of one request, all batches together. */
const TEXT_LENGTH_MAX = 32 * 1024 * 1024;
/** Batches of one request that are under way at a time. */
const SIDE_BY_SIDE = 4;

type ProviderPlatform = Pick<Platform, 'http' | 'clock' | 'timers' | 'random' | 'workers' | 'modelFiles'>;

export interface RerankRequest {
  readonly params: readonly KeyValuePair[];
  readonly query: string;
  readonly texts: readonly string[];
}

export class Providers implements Embedder {
  readonly #settings: ProviderSettings;
  readonly #calls: ProviderCalls;
  readonly #models: LocalModels;
  readonly #tokens: GoogleTokens;
  readonly #platform: ProviderPlatform;

  constructor(platform: ProviderPlatform, settings: ProviderSettings) {
    this.#platform = platform;
    this.#settings = settings;
    this.#tokens = new GoogleTokens(platform.clock);
    this.#calls = new ProviderCalls(platform);
    this.#models = new LocalModels(platform, settings.models);
  }

  async embed(request: EmbeddingRequest, caller: EmbeddingCaller): Promise<Uint8Array> {
    const { texts } = request;
    const local = localPlan(request);
    if (local !== undefined) {
      this.#checkSize(request, LOCAL_BATCH_MAX);
      return bytesView(await this.#models.embed(local.model, { texts, dim: local.dim }, caller));
    }
    const plan = planOf(request, this.#settings);
    const batchMax = plan.shape.batchMax(plan);
    this.#checkSize(request, batchMax);
    const vectors = new Uint8Array(texts.length * plan.width);
    await inBatches(texts.length, batchMax, async (begin, end) => {
      vectors.set(await this.#batch(plan, texts.slice(begin, end), caller), begin * plan.width);
    });
    return vectors;
  }

  /** @throws invalid_parameter */
  checkReranker(params: readonly KeyValuePair[]): void {
    rerankPlan(params, this.#settings);
  }

  /**
   * @returns a score for each text, larger is better
   * @throws function_failed, provider_unavailable, invalid_parameter, cancelled, deadline_exceeded
   */
  async rerank({ params, query, texts }: RerankRequest, caller: EmbeddingCaller): Promise<Float32Array> {
    const plan = rerankPlan(params, this.#settings);
    checkLength([query, ...texts]);
    const scores = new Float32Array(texts.length);
    await inBatches(texts.length, plan.batchMax, async (begin, end) => {
      scores.set(await this.#scores(plan, query, texts.slice(begin, end), caller), begin);
    });
    return scores;
  }

  async #googleToken({ access, provider }: Plan, caller: EmbeddingCaller): Promise<string> {
    const { credential_json: json } = access.credential;
    if (json === undefined)
      return refuse(`provider ${provider} needs a credential with credential_json; name one`);
    return await this.#tokens.token(json, (url, body) =>
      this.#calls.post({ provider, url, body, headers: async () => ({}), secrets: [json] }, caller),
    );
  }

  #checkSize({ texts, isBulk = false, mode }: EmbeddingRequest, batchMax: number): void {
    const most = batchMax * this.#settings.batchFactor;
    if (!isBulk && texts.length > most)
      refuse(
        `embedding supports up to [${most}] pieces of data at a time, got [${texts.length}]; send fewer rows at once`,
      );
    if (texts.includes(''))
      refuse(
        `there is an empty string in the ${mode === 'rows' ? 'input data' : 'queries'}, TextEmbedding function does not support empty text`,
      );
    checkLength(texts);
  }

  async #scores(
    plan: RerankPlan,
    query: string,
    texts: readonly string[],
    caller: EmbeddingCaller,
  ): Promise<Float32Array> {
    const { shape, access, provider, model, params } = plan;
    const key = access.credential.apikey ?? '';
    const answer = await this.#calls.post(
      {
        provider,
        url: shape.address(access.base, model),
        body: shape.body({ query, texts, model, params }),
        headers: async () => keyHeader('authorization', key),
        secrets: [key],
      },
      caller,
    );
    return scoresOf(answer, texts.length, plan);
  }

  async #batch(plan: Plan, texts: readonly string[], caller: EmbeddingCaller): Promise<Uint8Array> {
    const { shape, access, provider } = plan;
    const url = shape.address(access.base, plan);
    const token = shape.auth === 'google' ? await this.#googleToken(plan, caller) : '';
    const nowMs = (): number => this.#platform.clock.now();
    const answer = await this.#calls.post(
      {
        provider,
        url,
        body: shape.body(texts, plan),
        headers: (body) => authHeaders(plan, { url, body, token, nowMs: nowMs() }),
        secrets: [...Object.values(access.credential), token],
      },
      caller,
    );
    return vectorsOf(shape.vectors(answer, plan), texts.length, plan);
  }
}

function checkLength(texts: readonly string[]): void {
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  if (length > TEXT_LENGTH_MAX)
    throw new ElanusError(
      'parameter_too_large',
      `the texts have ${length} characters together, expected at most ${TEXT_LENGTH_MAX}; send fewer at once`,
    );
}

/** Some batches side by side; after a failure none is begun, and it ends when all that were begun have ended. */
async function inBatches(
  count: number,
  batchMax: number,
  run: (begin: number, end: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let hasFailed = false;
  const runSome = async (): Promise<void> => {
    while (next < count && !hasFailed) {
      const begin = next;
      next += batchMax;
      try {
        await run(begin, Math.min(count, begin + batchMax));
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  await allSettled(Array.from({ length: SIDE_BY_SIDE }, runSome));
}
