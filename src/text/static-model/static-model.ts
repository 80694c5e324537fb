// A model of static embeddings: each piece of a word has a vector, and a text the mean of those of its pieces. What files of such a model are, is a
// matter of Model2Vec: `tokenizer.json`, `model.safetensors` with `embeddings` (and `weights`, `mapping` where the vocabulary was made smaller), and
// `config.json` with `normalize`.
import { ElanusError } from '#base/errors.js';
import { piecesOf } from '#text/pieces/open-pieces.js';
import type { Pieces } from '#text/pieces/pieces.js';
import { floatsOf, integersOf, readTensors } from './safetensors.js';

/** Files of a model; bytes in shared memory, so that threads have them without copies. */
export interface ModelFiles {
  readonly tokenizer: Uint8Array;
  readonly weights: Uint8Array;
  readonly config: Uint8Array | undefined;
}

/** Pieces of a text that count, unless the model says otherwise, and what it may say. */
const PIECES = 512;
const PIECES_MAX = 65_536;

export class StaticModel {
  readonly dim: number;
  readonly #pieces: Pieces;
  readonly #rows: number;
  readonly #vectors: Float32Array;
  readonly #weights: Float32Array | undefined;
  readonly #mapping: Uint32Array | undefined;
  readonly #normalizes: boolean;
  readonly #most: number;

  /** @throws unsupported, data_corrupt */
  constructor({ tokenizer, weights, config }: ModelFiles) {
    const tensors = readTensors(weights);
    const embeddings = tensors.get('embeddings') ?? tensors.get('embedding.weight');
    const [rows, dim, ...more] = embeddings?.shape ?? [];
    if (embeddings === undefined || rows === undefined || dim === undefined || more.length > 0)
      throw new ElanusError(
        'unsupported',
        'model.safetensors: has no tensor embeddings of two dimensions; take a model of static embeddings (Model2Vec)',
      );
    this.#rows = rows;
    this.dim = dim;
    this.#vectors = floatsOf('embeddings', embeddings);
    const factors = tensors.get('weights');
    this.#weights = factors && floatsOf('weights', factors);
    const mapping = tensors.get('mapping');
    this.#mapping = mapping && integersOf('mapping', mapping);
    this.#pieces = piecesOf(tokenizer, { keepsUnknown: false });
    const { normalize, max_length: most } = configOf(config);
    this.#normalizes = normalize === true;
    const isCount = typeof most === 'number' && most >= 1 && most <= PIECES_MAX;
    this.#most = isCount ? Math.floor(most) : PIECES;
  }

  /** Writes the vector of the text; that of a text without any known piece is 0. @throws data_corrupt where it is not of finite numbers */
  write(text: string, to: Float32Array, at: number): void {
    const { dim } = this;
    const vector = to.subarray(at, at + dim).fill(0);
    const ids = this.#pieces.pieces(this.#beginning(text), { most: this.#most, keeps: 'first' });
    let counted = 0;
    for (const id of ids) {
      const row = this.#mapping?.[id] ?? id;
      if (row >= this.#rows) continue;
      const weight = this.#weights?.[id] ?? 1;
      for (let place = 0; place < dim; place++)
        vector[place] = (vector[place] as number) + weight * (this.#vectors[row * dim + place] as number);
      counted++;
    }
    if (counted === 0) return;
    let squares = 0;
    for (let place = 0; place < dim; place++) {
      const mean = (vector[place] as number) / counted;
      vector[place] = mean;
      squares += mean * mean;
    }
    if (!Number.isFinite(squares))
      throw new ElanusError(
        'data_corrupt',
        'model.safetensors: has vectors that are no numbers, or too large; take the file from its source again',
      );
    if (!this.#normalizes || squares === 0) return;
    const length = Math.sqrt(squares);
    for (let place = 0; place < dim; place++) vector[place] = (vector[place] as number) / length;
  }

  /** Characters that may come into pieces that count; the rest is not looked at. */
  #beginning(text: string): string {
    const most = this.#most * this.#pieces.medianLength;
    if (text.length <= most) return text;
    let [units, characters] = [0, 0];
    for (; characters < most && units < text.length; characters++)
      units += (text.codePointAt(units) as number) > 0xffff ? 2 : 1;
    return text.slice(0, units);
  }
}

function configOf(file: Uint8Array | undefined): Readonly<Record<string, unknown>> {
  if (file === undefined) return {};
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(file.slice()));
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  throw new ElanusError(
    'data_corrupt',
    'config.json: is no JSON object; take the file from its source again',
  );
}
