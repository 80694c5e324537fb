// Tasks of workers that embed texts. A thread keeps the models that it has read: a few, as each takes the memory of its numbers.
import { type LoadPackage, setTextPackages } from '#text/text-packages.js';
import { type ModelFiles, StaticModel } from './static-model.js';

export interface EmbedTextsInput {
  /** Which model, in this process. */
  readonly id: string;
  readonly files: ModelFiles;
  readonly texts: readonly string[];
}

const KEPT_MAX = 4;
const kept = new Map<string, StaticModel>();

function modelOf({ id, files }: EmbedTextsInput): StaticModel {
  const model = kept.get(id) ?? new StaticModel(files);
  kept.delete(id);
  kept.set(id, model);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT_MAX) break;
    kept.delete(oldest);
  }
  return model;
}

export const staticModelTasks = {
  /** Vectors of texts, one after another. */
  embedTexts(
    input: EmbedTextsInput,
    { loadPackage }: { readonly loadPackage?: LoadPackage },
  ): { readonly dim: number; readonly vectors: Float32Array } {
    if (loadPackage !== undefined) setTextPackages(loadPackage);
    const model = modelOf(input);
    const vectors = new Float32Array(input.texts.length * model.dim);
    for (const [at, text] of input.texts.entries()) model.write(text, vectors, at * model.dim);
    return { dim: model.dim, vectors };
  },
};
