// A model in ONNX that embeds texts, as sentence-transformers exports them: from numbers of pieces to a vector for each, or for the text. Texts run one
// by one: a model of small numbers makes of a text what depends on all that runs with it, and a text has one vector.
import { ElanusError, messageOf } from '#base/errors.js';
import { piecesOf } from '#text/pieces/open-pieces.js';
import type { Pieces } from '#text/pieces/pieces.js';
import { type ModelSettings, type SettingsFiles, settingsOf } from './model-settings.js';
import { type OnnxSession, openSession, rowOf } from './onnx-runtime.js';

/** Files of a model; bytes in shared memory, so that threads have them without copies. */
export interface OnnxFiles {
  readonly tokenizer: Uint8Array;
  readonly model: Uint8Array;
  readonly settings: SettingsFiles;
}

/** What models take, and what is given: pieces, 1 for each as none is there to fill up, 0 for each as there is one text. */
const inputs: Readonly<Record<string, (ids: readonly number[]) => readonly number[]>> = {
  input_ids: (ids) => ids,
  attention_mask: (ids) => ids.map(() => 1),
  token_type_ids: (ids) => ids.map(() => 0),
};

/** The vector of a text, then the vectors of its pieces. */
const OUTPUTS = ['sentence_embedding', 'last_hidden_state', 'token_embeddings'];

export class OnnxModel {
  readonly #session: OnnxSession;
  readonly #pieces: Pieces;
  readonly #settings: ModelSettings;
  readonly #output: string;

  private constructor(session: OnnxSession, pieces: Pieces, settings: ModelSettings) {
    this.#session = session;
    this.#pieces = pieces;
    this.#settings = settings;
    const strange = session.inputNames.find((name) => !Object.hasOwn(inputs, name));
    if (strange !== undefined)
      throw new ElanusError(
        'unsupported',
        `model.onnx: takes ${strange}, expected ${Object.keys(inputs).join(', ')}; take a model that embeds texts`,
      );
    const [first = ''] = session.outputNames;
    this.#output = OUTPUTS.find((name) => session.outputNames.includes(name)) ?? first;
  }

  /** @throws unsupported, data_corrupt */
  static async open({ tokenizer, model, settings: files }: OnnxFiles): Promise<OnnxModel> {
    const settings = settingsOf(tokenizer, files);
    const pieces = piecesOf(tokenizer, { keepsUnknown: true });
    return new OnnxModel(await openSession(model), pieces, settings);
  }

  async close(): Promise<void> {
    await this.#session.release?.();
  }

  /** @throws function_failed, data_corrupt */
  async vector(text: string): Promise<Float32Array> {
    const { before, behind, most, keeps, pooling, normalizes } = this.#settings;
    const own = this.#pieces.pieces(text, { most: most - before.length - behind.length, keeps });
    const ids = [...before, ...own, ...behind];
    const vector = pooled(await this.#run(ids), ids.length, pooling);
    let squares = 0;
    for (const value of vector) squares += value * value;
    if (!Number.isFinite(squares))
      throw new ElanusError(
        'data_corrupt',
        'model.onnx: makes vectors that are no numbers, or too large; take the file from its source again',
      );
    if (!normalizes || squares === 0) return vector;
    const length = Math.sqrt(squares);
    return vector.map((value) => value / length);
  }

  async #run(ids: readonly number[]): Promise<OnnxOutput> {
    const feeds = Object.fromEntries(
      this.#session.inputNames.map((name) => [name, rowOf(inputs[name]?.(ids) ?? [])]),
    );
    const made = await this.#session.run(feeds).catch((cause: unknown) => {
      throw new ElanusError('function_failed', `model.onnx: cannot be run: ${messageOf(cause)}`, { cause });
    });
    const output = made[this.#output];
    if (output === undefined || !(output.data instanceof Float32Array))
      throw new ElanusError(
        'unsupported',
        `model.onnx: makes ${this.#output} of ${output?.type ?? 'no type'}, expected float32; take a model that makes these`,
      );
    return { dims: output.dims, data: output.data };
  }
}

interface OnnxOutput {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** The vector of a text from those of its pieces, or from the one that the model made for it. */
function pooled({ dims, data }: OnnxOutput, pieces: number, pooling: ModelSettings['pooling']): Float32Array {
  const dim = dims.at(-1) ?? 0;
  const isOfText = dims.length === 2 && dims[0] === 1 && data.length === dim;
  const isOfPieces = dims.length === 3 && dims[0] === 1 && dims[1] === pieces && data.length === pieces * dim;
  if (dim === 0 || !(isOfText || isOfPieces))
    throw new ElanusError(
      'unsupported',
      `model.onnx: makes numbers in the shape ${dims.join(' x ')} of ${pieces} pieces, expected 1 x ${pieces} x dim or 1 x dim`,
    );
  if (isOfText || pooling === 'first') return data.slice(0, dim);
  const sums = new Float64Array(dim);
  for (let at = 0; at < data.length; at++) sums[at % dim] = (sums[at % dim] as number) + (data[at] as number);
  return Float32Array.from(sums, (sum) => sum / pieces);
}
