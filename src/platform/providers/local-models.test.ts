// Which files of a folder make a model, what runs it, and what is read anew.
import { afterEach, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { workerTasks } from '#index/worker-tasks.js';
import { provideTextPackages } from '#platform/node/node-text-packages.js';
import { setTextPackages } from '#text/text-packages.js';
import { safetensors, TINY_DIM, tinyModel, tinyTokenizer } from '../../../test/support/tiny-model.js';
import { onnxStandIn, tinyOnnx } from '../../../test/support/tiny-onnx.js';
import { LocalModels } from './local-models.js';

afterEach(() => provideTextPackages());

const weightsOfAnother = safetensors({
  'embeddings.word_embeddings.weight': { dtype: 'F32', shape: [1], data: new Float32Array(1) },
});
/** Threads keep models by their number, and all tests are on one. */
let number = 0;
const plain = new TextEncoder().encode('[]');

/** Models over files by name. `ran` has the tasks and how many texts each had. */
function modelsOver(files: Readonly<Record<string, Uint8Array | undefined>>) {
  const ran: [string, number][] = [];
  let atOnce = 0;
  const platform = {
    modelFiles: { read: async (_source: string, file: string) => files[file] },
    random: { nextUint32: () => number++ },
    workers: {
      async run(task: keyof typeof workerTasks, input: { readonly texts: readonly string[] }) {
        ran.push([task, input.texts.length]);
        expect(task === 'embedTextsByOnnx' ? ++atOnce : 1).toBe(1);
        try {
          return await (workerTasks[task] as (input: unknown, context: object) => unknown)(input, {});
        } finally {
          atOnce = 0;
        }
      },
    },
  };
  const models = new LocalModels(platform as never, new Map([['tiny', './tiny']]));
  const caller = { signal: new AbortController().signal };
  return {
    ran,
    embed: (...texts: string[]) => models.embed('tiny', { texts, dim: TINY_DIM }, caller),
  };
}

it('static embeddings are run where the file has them, whatever else is there', async () => {
  const { tokenizer, weights } = tinyModel();
  const { embed, ran } = modelsOver({
    'tokenizer.json': tokenizer,
    'model.safetensors': weights,
    'model.onnx': tinyOnnx(),
  });
  expect([...(await embed('cat'))]).toEqual([-2, 0, 2, 4]);
  expect(ran).toEqual([['embedTexts', 1]]);
});

it.each(['model.onnx', 'onnx/model_quantized.onnx'])(
  '%s is run beside numbers of another form, eight texts at a time',
  async (file) => {
    setTextPackages(() => onnxStandIn());
    const { embed, ran } = modelsOver({
      'tokenizer.json': tinyTokenizer(),
      'model.safetensors': weightsOfAnother,
      'modules.json': plain,
      [file]: tinyOnnx(),
    });
    const vectors = await embed(...Array.from({ length: 9 }, () => 'dog'), 'cat');
    expect([...vectors.subarray(9 * TINY_DIM)]).toEqual([-2, 0, 2, 4]);
    expect(ran).toEqual([
      ['embedTextsByOnnx', 8],
      ['embedTextsByOnnx', 2],
    ]);
  },
);

it('a package that is missing is named, and asked for again once it is there', async () => {
  const { embed } = modelsOver({
    'tokenizer.json': tinyTokenizer(),
    'modules.json': plain,
    'model.onnx': tinyOnnx(),
  });
  setTextPackages(() => {
    throw new Error('not found');
  });
  await expect(embed('cat')).rejects.toThrow(/npm install onnxruntime-web/);
  setTextPackages(() => onnxStandIn());
  expect([...(await embed('cat'))]).toEqual([-2, 0, 2, 4]);
});

it('says which file is missing, and that a file is no model', async () => {
  await expect(modelsOver({}).embed('a')).rejects.toThrow(/tokenizer.json is not in .\/tiny/);
  const tokenizer = { 'tokenizer.json': tinyTokenizer() };
  await expect(modelsOver(tokenizer).embed('a')).rejects.toThrow(
    /model.safetensors \(or model.onnx\) is not in .\/tiny/,
  );
  const other = { ...tokenizer, 'model.safetensors': weightsOfAnother };
  await expect(modelsOver(other).embed('a')).rejects.toThrow(ElanusError);
});
