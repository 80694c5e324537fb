// Models of this machine: files that the operator names, read once when the first text asks for them, and run in worker threads. A function names a
// model by its name in the settings; no path and no package comes from a request.
import { ElanusError } from '#base/errors.js';
import { refuse } from '#model/params/request-params.js';
import type { Platform } from '#platform/platform.js';
import type { EmbeddingCaller } from '#text/functions/embedder.js';
import { settingsFiles } from '#text/onnx-model/model-settings.js';
import type { OnnxFiles } from '#text/onnx-model/onnx-model.js';
import { hasEmbeddings } from '#text/static-model/safetensors.js';
import type { ModelFiles } from '#text/static-model/static-model.js';

/** Texts and characters of one task: others wait for a thread, too. */
const TEXTS_MAX = 256;
const LENGTH_MAX = 262_144;
/** Texts of one task where a model in ONNX takes some 0.1 s for a long one. */
const ONNX_TEXTS_MAX = 8;
/** Where models in ONNX have theirs, the first that is there. */
const ONNX_FILES = ['model.onnx', 'onnx/model.onnx', 'model_quantized.onnx', 'onnx/model_quantized.onnx'];
/** Texts of one call, which cost time alone. */
export const LOCAL_BATCH_MAX = 4096;

type ModelPlatform = Pick<Platform, 'modelFiles' | 'workers' | 'random'>;

/** What runs a model, by the name of the task, and with which files. */
type LoadedModel = { readonly id: string } & (
  | { readonly task: 'embedTexts'; readonly files: ModelFiles }
  | { readonly task: 'embedTextsByOnnx'; readonly files: OnnxFiles }
);

export class LocalModels {
  readonly #platform: ModelPlatform;
  readonly #sources: ReadonlyMap<string, string>;
  readonly #loaded = new Map<string, Promise<LoadedModel>>();

  /** @param sources folders or packages, by the name of the model */
  constructor(platform: ModelPlatform, sources: ReadonlyMap<string, string>) {
    this.#platform = platform;
    this.#sources = sources;
  }

  /** @returns vectors one after another @throws invalid_parameter, function_failed, unsupported, data_corrupt, cancelled */
  async embed(
    name: string,
    { texts, dim }: { readonly texts: readonly string[]; readonly dim: number },
    { signal }: EmbeddingCaller,
  ): Promise<Float32Array> {
    const loading = this.#model(name);
    const { id, files, task } = await loading;
    const vectors = new Float32Array(texts.length * dim);
    const embedPart = async ([begin, end]: Range): Promise<void> => {
      const part = texts.slice(begin, end);
      const made = await this.#platform.workers
        .run<{ dim: number; vectors: Float32Array }>(task, { id, files, texts: part }, [], signal)
        .catch((error: unknown) => {
          // Its files are no model: whoever runs the server may put others there, which are read the next time.
          if (isDamaged(error) && this.#loaded.get(name) === loading) this.#loaded.delete(name);
          throw error;
        });
      if (made.dim !== dim)
        throw new ElanusError(
          'function_failed',
          `the required embedding dim is [${dim}], but the embedding obtained from the model is [${made.dim}]`,
        );
      vectors.set(made.vectors, begin * dim);
    };
    if (task === 'embedTexts') await Promise.all(batchesOf(texts, TEXTS_MAX).map(embedPart));
    // One behind the other: each thread that runs it has a copy of its numbers, and others wait for threads, too.
    else for (const range of batchesOf(texts, ONNX_TEXTS_MAX)) await embedPart(range);
    return vectors;
  }

  #model(name: string): Promise<LoadedModel> {
    const source =
      this.#sources.get(name) ??
      refuse(
        `model_name [${name.slice(0, 64)}] is no local model; whoever runs the server names its folder or package`,
      );
    const known = this.#loaded.get(name);
    if (known !== undefined) return known;
    const loading = this.#load(name, source);
    this.#loaded.set(name, loading);
    // A file that was missing may be there the next time.
    loading.catch(() => this.#loaded.delete(name));
    return loading;
  }

  async #load(name: string, source: string): Promise<LoadedModel> {
    const { modelFiles, random } = this.#platform;
    if (modelFiles === undefined)
      throw new ElanusError('unsupported', `model ${name}: this server reads no models`);
    const [tokenizer, weights, config] = await Promise.all([
      modelFiles.read(source, 'tokenizer.json'),
      modelFiles.read(source, 'model.safetensors'),
      modelFiles.read(source, 'config.json'),
    ]);
    const missing = (file: string): ElanusError =>
      new ElanusError(
        'function_failed',
        `model ${name}: ${file} is not in ${source}; install the package, or name the folder with the files of the model`,
      );
    if (tokenizer === undefined) throw missing('tokenizer.json');
    const id = `${name} ${random.nextUint32()}`;
    // Models in ONNX may have the numbers of another form of theirs beside them.
    if (weights === undefined || !hasEmbeddings(weights)) {
      const model = await firstOf(ONNX_FILES, (file) => modelFiles.read(source, file));
      if (model !== undefined) {
        const settings = await Promise.all(
          settingsFiles.map(async (file) => [file, await modelFiles.read(source, file)] as const),
        );
        const files = { tokenizer, model, settings: Object.fromEntries(settings) as OnnxFiles['settings'] };
        return { id, task: 'embedTextsByOnnx', files };
      }
    }
    if (weights === undefined) throw missing('model.safetensors (or model.onnx)');
    return { id, task: 'embedTexts', files: { tokenizer, weights, config } };
  }
}

async function firstOf<Found>(
  names: readonly string[],
  read: (name: string) => Promise<Found | undefined>,
): Promise<Found | undefined> {
  for (const name of names) {
    const found = await read(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

const isDamaged = (error: unknown): boolean =>
  error instanceof ElanusError && (error.key === 'data_corrupt' || error.key === 'unsupported');

type Range = readonly [begin: number, end: number];

function batchesOf(texts: readonly string[], textsMax: number): Range[] {
  const batches: Range[] = [];
  let [begin, length] = [0, 0];
  for (const [at, text] of texts.entries()) {
    if (at > begin && (at - begin >= textsMax || length + text.length > LENGTH_MAX)) {
      batches.push([begin, at]);
      [begin, length] = [at, 0];
    }
    length += text.length;
  }
  if (begin < texts.length) batches.push([begin, texts.length]);
  return batches;
}
