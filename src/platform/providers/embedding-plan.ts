// What a function of type TextEmbedding asks of whom, from its parameters, its field and the settings; and the vectors of an answer.
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { RequestParams, refuse } from '#model/params/request-params.js';
import { dimOf } from '#model/schema/field.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';
import type { EmbeddingRequest } from '#text/functions/embedder.js';
import { commonParams, type EmbeddingPlan, type EmbeddingShape } from './embedding-shapes.js';
import { embeddingShapes } from './embedding-table.js';
import { type Access, accessOf, checkEnabled } from './provider-access.js';
import type { ProviderEntry, ProviderSettings } from './provider-settings.js';

export interface Plan extends EmbeddingPlan {
  readonly provider: string;
  readonly shape: EmbeddingShape;
  readonly access: Access;
  readonly entry: ProviderEntry;
  readonly output: FieldSchema;
  readonly width: number;
}

const paramsOf = ({ params }: EmbeddingRequest['made']): RequestParams =>
  new RequestParams(params.map(({ key, value }) => ({ key: key.toLowerCase(), value })));

const LOCAL = 'local';

/** A model of this machine; undefined: a service is asked. @throws invalid_parameter */
export function localPlan({
  made,
  output,
}: EmbeddingRequest): { readonly model: string; readonly dim: number } | undefined {
  const params = paramsOf(made);
  if (params.text('provider')?.toLowerCase() !== LOCAL) return undefined;
  refuseOthers(made, LOCAL, ['provider', 'model_name', 'dim']);
  if (output.dataType !== DataType.FloatVector) refuseType(output);
  checkedDim(params, output);
  return { model: modelOf(made, params, LOCAL), dim: dimOf(output) };
}

function refuseOthers(
  { name, params }: EmbeddingRequest['made'],
  provider: string,
  known: readonly string[],
): void {
  const other = params.find(({ key }) => !known.includes(key.toLowerCase()));
  if (other !== undefined)
    refuse(
      `function ${name}: provider ${provider} has no parameter ${other.key.slice(0, 64)}; expected some of ${known.join(', ')}`,
    );
}

function modelOf({ name }: EmbeddingRequest['made'], params: RequestParams, provider: string): string {
  return (
    params.text('model_name') ??
    refuse(`model_name is required for the ${provider} embedding provider: function ${name}`)
  );
}

function refuseType({ dataType }: FieldSchema): never {
  return refuse(
    `embedding model output and field type mismatch, model output is FloatVector, field type is ${dataTypeName(dataType)}`,
  );
}

/** @throws invalid_parameter */
export function planOf({ made, output, mode }: EmbeddingRequest, settings: ProviderSettings): Plan {
  const params = paramsOf(made);
  const provider =
    params.text('provider')?.toLowerCase() ??
    refuse(`The text embedding service provider parameter:[provider] was not found: function ${made.name}`);
  const shape = embeddingShapes.get(provider);
  if (shape === undefined)
    return refuse(
      `unsupported text embedding service provider: [${provider.slice(0, 64)}] , list of supported [${[...embeddingShapes.keys(), LOCAL].join(', ')}]`,
    );
  const entry = settings.textEmbedding.get(provider) ?? {};
  checkEnabled(entry, `text embedding model provider [${provider}] is disabled`);
  refuseOthers(made, provider, [...commonParams, ...shape.params]);
  const model = shape.needsModel ? modelOf(made, params, provider) : (params.text('model_name') ?? '');
  const isInt8 = output.dataType === DataType.Int8Vector;
  if (isInt8 && !shape.hasInt8) refuseType(output);
  const access = accessOf({ ...shape, name: provider }, params, entry, settings);
  const dim = checkedDim(params, output);
  const width = dimOf(output) * (isInt8 ? 1 : 4);
  return { params, provider, shape, access, entry, output, width, model, dim, isInt8, mode };
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
export function vectorsOf(
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
