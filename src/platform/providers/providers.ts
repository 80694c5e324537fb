// The services outside that functions ask, as the settings of this process have them: texts become vectors in batches of what the provider
// takes at once, some of them side by side. Nothing is answered unless every text has its vector.
import { allSettled } from '#base/async.js';
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { RequestParams, refuse } from '#model/params/request-params.js';
import { dimOf } from '#model/schema/field.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import type { Platform } from '#platform/platform.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';
import type { Embedder, EmbeddingCaller, EmbeddingRequest } from '#text/functions/embedder.js';
import {
  commonParams,
  type EmbeddingPlan,
  type EmbeddingShape,
  embeddingShapes,
} from './embedding-shapes.js';
import { type Access, accessOf, checkEnabled } from './provider-access.js';
import { ProviderCalls } from './provider-calls.js';
import type { ProviderSettings } from './provider-settings.js';

/** Characters of the texts of one request, all batches together. */
const TEXT_LENGTH_MAX = 32 * 1024 * 1024;
/** Batches of one request that are under way at a time. */
const SIDE_BY_SIDE = 4;

interface Plan extends EmbeddingPlan {
  readonly provider: string;
  readonly shape: EmbeddingShape;
  readonly access: Access;
  readonly output: FieldSchema;
  readonly width: number;
}

export class Providers implements Embedder {
  readonly #settings: ProviderSettings;
  readonly #calls: ProviderCalls;

  constructor(platform: Pick<Platform, 'http' | 'clock' | 'timers' | 'random'>, settings: ProviderSettings) {
    this.#settings = settings;
    this.#calls = new ProviderCalls(platform);
  }

  async embed(request: EmbeddingRequest, caller: EmbeddingCaller): Promise<Uint8Array> {
    const { texts } = request;
    const plan = planOf(request, this.#settings);
    const batchMax = plan.shape.batchMax(plan);
    this.#checkSize(request, batchMax);
    const vectors = new Uint8Array(texts.length * plan.width);
    const begins = Array.from({ length: Math.ceil(texts.length / batchMax) }, (_, at) => at * batchMax);
    let next = 0;
    const ended = new AbortController();
    const run = async (): Promise<void> => {
      for (let begin = begins[next++]; begin !== undefined; begin = begins[next++]) {
        if (ended.signal.aborted) return;
        const batch = await this.#batch(plan, texts.slice(begin, begin + batchMax), caller);
        vectors.set(batch, begin * plan.width);
      }
    };
    await allSettled(
      Array.from({ length: Math.min(SIDE_BY_SIDE, begins.length) }, () =>
        run().catch((error: unknown) => {
          ended.abort();
          throw error;
        }),
      ),
    );
    return vectors;
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
    const length = texts.reduce((sum, text) => sum + text.length, 0);
    if (length > TEXT_LENGTH_MAX)
      throw new ElanusError(
        'parameter_too_large',
        `the texts have ${length} characters together, expected at most ${TEXT_LENGTH_MAX}; send fewer rows at once`,
      );
  }

  async #batch(plan: Plan, texts: readonly string[], caller: EmbeddingCaller): Promise<Uint8Array> {
    const { shape, access, provider } = plan;
    const key = access.credential.apikey ?? '';
    const answer = await this.#calls.post(
      {
        provider,
        url: shape.address(access.base, plan),
        body: shape.body(texts, plan),
        headers: async () => keyHeader(shape.keyHeader, key),
        secrets: [key],
      },
      caller,
    );
    return vectorsOf(shape.vectors(answer, plan), texts.length, plan);
  }
}

function keyHeader(header: EmbeddingShape['keyHeader'], key: string): Readonly<Record<string, string>> {
  if (key === '') return {};
  return { [header]: header === 'authorization' ? `Bearer ${key}` : key };
}

/** @throws invalid_parameter */
function planOf({ made, output, mode }: EmbeddingRequest, settings: ProviderSettings): Plan {
  const params = new RequestParams(made.params.map(({ key, value }) => ({ key: key.toLowerCase(), value })));
  const provider =
    params.text('provider')?.toLowerCase() ??
    refuse(`The text embedding service provider parameter:[provider] was not found: function ${made.name}`);
  const shape = embeddingShapes.get(provider);
  if (shape === undefined)
    return refuse(
      `unsupported text embedding service provider: [${provider.slice(0, 64)}] , list of supported [${[...embeddingShapes.keys()].join(', ')}]`,
    );
  const entry = settings.textEmbedding.get(provider);
  checkEnabled(entry, `text embedding model provider [${provider}] is disabled`);
  const known = [...commonParams, ...shape.params];
  const other = made.params.find(({ key }) => !known.includes(key.toLowerCase()));
  if (other !== undefined)
    refuse(
      `function ${made.name}: provider ${provider} has no parameter ${other.key.slice(0, 64)}; expected some of ${known.join(', ')}`,
    );
  const model = params.text('model_name') ?? '';
  if (model === '' && shape.needsModel)
    refuse(`model_name is required for the ${provider} embedding provider: function ${made.name}`);
  const isInt8 = output.dataType === DataType.Int8Vector;
  if (isInt8 && !shape.hasInt8)
    refuse(
      `embedding model output and field type mismatch, model output is FloatVector, field type is ${dataTypeName(output.dataType)}`,
    );
  const access = accessOf({ ...shape, name: provider }, params, entry, settings);
  const dim = checkedDim(params, output);
  const width = dimOf(output) * (isInt8 ? 1 : 4);
  return { params, provider, shape, access, output, width, model, dim, isInt8, mode };
}

function checkedDim(params: RequestParams, output: FieldSchema): number {
  const text = params.text('dim');
  if (text === undefined) return 0;
  if (!/^\d{1,9}$/.test(text))
    return refuse(`dimension [${text.slice(0, 64)}] provided in Function params is not a valid int`);
  const dim = Number(text);
  if (dim !== 0 && dim !== dimOf(output))
    refuse(
      `Function output field:[${output.name}]'s dimension [${dimOf(output)}] does not match the dimension [${dim}] provided in Function params.`,
    );
  return dim;
}

const failed = (text: string): ElanusError => new ElanusError('function_failed', text);

/** @throws function_failed for what are not as many vectors as there are texts, each of the field's dimension and of finite numbers */
function vectorsOf(
  vectors: readonly unknown[] | undefined,
  count: number,
  { output, isInt8, provider, width }: Plan,
): Uint8Array {
  if (vectors === undefined)
    throw failed(`get embedding failed, provider ${provider} answered without embeddings; check its address`);
  if (vectors.length !== count)
    throw failed(
      `get embedding failed, the number of texts and embeddings does not match text:[${count}], embedding:[${vectors.length}]`,
    );
  const dim = dimOf(output);
  const numbers = isInt8 ? new Int8Array(count * dim) : new Float32Array(count * dim);
  for (const [at, vector] of vectors.entries()) {
    if (!Array.isArray(vector)) throw failed(`get embedding failed, embedding ${at} is no list of numbers`);
    if (vector.length !== dim)
      throw failed(
        `the required embedding dim is [${dim}], but the embedding obtained from the model is [${vector.length}]`,
      );
    for (let place = 0; place < dim; place++) {
      const value: unknown = vector[place];
      numbers[at * dim + place] = typeof value === 'number' ? value : Number.NaN;
      const kept = numbers[at * dim + place];
      if (!Number.isFinite(value) || !Number.isFinite(kept) || (isInt8 && kept !== value))
        throw failed(`get embedding failed, embedding ${at} has what is no number of the field at ${place}`);
    }
  }
  return bytesView(numbers).subarray(0, count * width);
}
