// The provider `local` through the client: a model that the operator names, from a folder, with no service and no key.
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DataType, FunctionType } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { open } from '#server/open.js';
import { safetensors, TINY_DIM, tinyModel } from '../support/tiny-model.js';
import { tinyOnnx } from '../support/tiny-onnx.js';
import { connect, failureOf, mustSucceed, tempFolder } from './support.js';

function isOnnxInstalled(): boolean {
  try {
    return createRequire(import.meta.url).resolve('onnxruntime-web') !== '';
  } catch {
    return false;
  }
}

test('texts go in and are found, by a model of this machine', async () => {
  const folder = await tempFolder();
  const { tokenizer, weights, config } = tinyModel();
  await writeFile(join(folder.path, 'tokenizer.json'), tokenizer);
  await writeFile(join(folder.path, 'model.safetensors'), weights);
  if (config !== undefined) await writeFile(join(folder.path, 'config.json'), config);
  const broken = await tempFolder();
  await writeFile(join(broken.path, 'tokenizer.json'), tokenizer);
  await writeFile(join(broken.path, 'model.safetensors'), Uint8Array.of(1, 2, 3));
  const encoder = await tempFolder();
  await writeFile(join(encoder.path, 'tokenizer.json'), tokenizer);
  await writeFile(join(encoder.path, 'model.onnx'), tinyOnnx());
  // A model whose tokenizer is run by a package.
  const pieces = await tempFolder();
  const unigram = await readFile(new URL('../support/tokenizers/xlm-roberta.json', import.meta.url));
  await writeFile(join(pieces.path, 'tokenizer.json'), unigram);
  const rows = Float32Array.from({ length: 400 * TINY_DIM }, (_, at) => ((at * 7919) % 101) / 50 - 1);
  const table = { dtype: 'F32', shape: [400, TINY_DIM], data: rows };
  await writeFile(join(pieces.path, 'model.safetensors'), safetensors({ embeddings: table }));
  const models = {
    pieces: pieces.path,
    tiny: folder.path,
    missing: 'no-such-package-anywhere',
    broken: broken.path,
    encoder: encoder.path,
  };
  const database = await open(undefined, { logLevel: 'error', functions: { models } });
  const client = await connect(database.address);
  const create = (collection_name: string, params: object, dim = TINY_DIM) =>
    client.createCollection({
      collection_name,
      fields: [
        { name: 'id', data_type: DataType.Int64, is_primary_key: true },
        { name: 'text', data_type: DataType.VarChar, max_length: 1000 },
        { name: 'dense', data_type: DataType.FloatVector, dim },
      ],
      functions: [
        {
          name: 'embed',
          description: '',
          type: FunctionType.TEXTEMBEDDING,
          input_field_names: ['text'],
          output_field_names: ['dense'],
          params: { provider: 'local', ...params },
        },
      ],
    });
  try {
    await mustSucceed(create('c', { model_name: 'tiny' }));
    await mustSucceed(
      client.createIndex({ collection_name: 'c', field_name: 'dense', metric_type: 'COSINE' }),
    );
    await mustSucceed(client.loadCollection({ collection_name: 'c' }));
    const texts = ['cats purr', 'doggy dogs', ...Array.from({ length: 300 }, () => 'a b')];
    await mustSucceed(client.insert({ collection_name: 'c', data: texts.map((text, id) => ({ id, text })) }));
    const { results } = await client.search({
      collection_name: 'c',
      data: 'Dogs',
      anns_field: 'dense',
      limit: 1,
      output_fields: ['text', 'dense'],
    });
    expect(results[0]).toMatchObject({ text: 'doggy dogs' });
    for (const [params, dim, reason] of [
      [{ model_name: '/etc' }, TINY_DIM, 'model_name [/etc] is no local model'],
      [{ model_name: 'missing' }, TINY_DIM, 'tokenizer.json is not in no-such-package-anywhere'],
      [{ model_name: 'tiny', url: 'http://a' }, TINY_DIM, 'provider local has no parameter url'],
      [{ model_name: 'tiny' }, 8, 'embedding obtained from the model is [4]'],
    ] as const)
      expect((await failureOf(() => create('refused', params, dim))).reason).toContain(reason);
    expect((await failureOf(() => create('cut', { model_name: 'pieces' }))).code).toBe(0);
    const byOnnx = await failureOf(() => create('encoded', { model_name: 'encoder' }));
    if (isOnnxInstalled()) expect(byOnnx.code).toBe(0);
    else expect(byOnnx.reason).toContain('npm install onnxruntime-web');
    // Files that were no model are read again once others are in their place.
    const made = () => failureOf(() => create('mended', { model_name: 'broken' }));
    expect((await made()).code).not.toBe(0);
    await writeFile(join(broken.path, 'model.safetensors'), weights);
    if (config !== undefined) await writeFile(join(broken.path, 'config.json'), config);
    expect((await made()).code).toBe(0);
  } finally {
    await client.closeConnection();
    await database.close();
    await folder.remove();
    await broken.remove();
    await encoder.remove();
    await pieces.remove();
  }
});
