// Tasks of workers that embed texts by models in ONNX. A thread keeps the model that it ran last: each takes the memory of its numbers.
import { ElanusError } from '#base/errors.js';
import { type LoadPackage, setTextPackages } from '#text/text-packages.js';
import { type OnnxFiles, OnnxModel } from './onnx-model.js';

export interface EmbedByOnnxInput {
  /** Which model, in this process. */
  readonly id: string;
  readonly files: OnnxFiles;
  readonly texts: readonly string[];
}

let kept: { readonly id: string; readonly model: OnnxModel } | undefined;

async function modelOf({ id, files }: EmbedByOnnxInput): Promise<OnnxModel> {
  if (kept?.id === id) return kept.model;
  const before = kept;
  kept = undefined;
  await before?.model.close();
  const model = await OnnxModel.open(files);
  kept = { id, model };
  return model;
}

export const onnxModelTasks = {
  /** Vectors of texts, one after another. */
  async embedTextsByOnnx(
    input: EmbedByOnnxInput,
    { loadPackage }: { readonly loadPackage?: LoadPackage },
  ): Promise<{ readonly dim: number; readonly vectors: Float32Array }> {
    if (loadPackage !== undefined) setTextPackages(loadPackage);
    const model = await modelOf(input);
    const found: Float32Array[] = [];
    for (const text of input.texts) found.push(await model.vector(text));
    const dim = found[0]?.length ?? 0;
    if (found.some(({ length }) => length !== dim))
      throw new ElanusError('unsupported', 'model.onnx: makes vectors of several lengths, expected one');
    const vectors = new Float32Array(found.length * dim);
    for (const [at, vector] of found.entries()) vectors.set(vector, at * dim);
    return { dim, vectors };
  },
};
