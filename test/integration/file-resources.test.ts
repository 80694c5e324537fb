// Files of words that analyzers name, through the client: made known, used by a collection, changed on disk, removed, after a restart; and files that
// no client may name.
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Status } from '#proto/milvus/common.js';
import {
  AddFileResourceRequest,
  ListFileResourcesResponse,
  RemoveFileResourceRequest,
} from '#proto/milvus/milvus.js';
import { open } from '#server/open.js';
import { connectRaw, type RawClient } from './raw-client.js';
import { connect, failureOf, keyField, mustSucceed, tempFolder, vectorField, vectorOf } from './support.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let database: Awaited<ReturnType<typeof open>>;
let client: MilvusClient;
let raw: RawClient;

const start = async (): Promise<void> => {
  database = await open(folder.path, { logLevel: 'silent' });
  client = await connect(database.address);
  raw = connectRaw(database.address);
};
const stop = async (): Promise<void> => {
  raw.close();
  await client.closeConnection();
  await database.close();
};
const file = (name: string): string => join(folder.path, 'objects', name);
const add = async (name: string, path: string): Promise<{ code: number; reason: string }> =>
  Status.decode(
    await raw.call(
      'AddFileResource',
      AddFileResourceRequest.encode(AddFileResourceRequest.fromPartial({ name, path })).finish(),
    ),
  );
const remove = async (name: string): Promise<{ code: number; reason: string }> =>
  Status.decode(
    await raw.call(
      'RemoveFileResource',
      RemoveFileResourceRequest.encode(RemoveFileResourceRequest.fromPartial({ name })).finish(),
    ),
  );
const list = async (): Promise<string[][]> =>
  ListFileResourcesResponse.decode(await raw.call('ListFileResources', new Uint8Array(0))).resources.map(
    ({ name, path }) => [name, path],
  );

const remote = (resource_name: string, file_name: string) => ({ type: 'remote', resource_name, file_name });
const stops = (words: object) => ({
  tokenizer: 'standard',
  filter: ['lowercase', { type: 'stop', stop_words_file: words }],
});
const create = (name: string, analyzer_params: object) =>
  client.createCollection({
    collection_name: name,
    fields: [
      keyField,
      {
        ...{ name: 'text', data_type: DataType.VarChar, max_length: 200 },
        ...{ enable_analyzer: true, enable_match: true, analyzer_params },
      },
      vectorField,
    ],
  } as never);
const words = async (params: object, text: string): Promise<unknown> => {
  const answer = (await client.runAnalyzer({ analyzer_params: params, text: [text] } as never)) as {
    readonly status: { readonly code: number };
    readonly results: readonly { readonly tokens: readonly { readonly token: string }[] }[];
  };
  return answer.status.code === 0 ? answer.results[0]?.tokens.map(({ token }) => token) : answer.status.code;
};
const matching = async (name: string, word: string): Promise<number> => {
  const { data } = await client.query({
    ...{ collection_name: name, filter: `text_match(text, '${word}')`, output_fields: ['count(*)'] },
    consistency_level: 'Strong' as never,
  });
  return Number(data[0]?.['count(*)']);
};

beforeAll(async () => {
  folder = await tempFolder();
  await start();
  await mkdir(file('words'), { recursive: true });
  await writeFile(file('words/stop.txt'), 'The\nthe\r\n\n a \n');
  await writeFile(file('words/bytes.txt'), Uint8Array.of(0x61, 0xff, 0x62));
  await writeFile(file('words/long.txt'), 'x\n'.repeat(600_000));
  await writeFile(`${folder.path}-secret.txt`, 'secret');
  await symlink(`${folder.path}-secret.txt`, file('words/link.txt'));
});
afterAll(async () => {
  await stop();
  await folder.remove();
  await rm(`${folder.path}-secret.txt`);
});

describe('file resources', () => {
  it('are files below the folder of objects, and are made known once', async () => {
    expect(await add('stop', 'words/stop.txt')).toMatchObject({ code: 0 });
    expect(await add('stop', 'words/stop.txt')).toMatchObject({ code: 0 });
    expect(await add('stop', 'words/other.txt')).toMatchObject({ code: 1100 });
    expect(await add('none', 'words/none.txt')).toMatchObject({
      code: 65535,
      reason: expect.stringContaining('file resource path not exist'),
    });
    for (const path of [
      ...['../secret.txt', 'words/../../secret.txt', '/etc/hostname', 'words/link.txt', 'words/%2e%2e/x', ''],
      ...['manifest/x', 'words/bytes.txt', 'words/long.txt', 'words', 'con.txt'],
    ]) {
      const { code, reason } = await add('bad', path);
      expect([path, code === 0, reason.includes('secret\n')]).toEqual([path, false, false]);
    }
    expect(await add('', 'words/stop.txt')).toMatchObject({ code: 1100 });
    expect(await list()).toEqual([['stop', 'words/stop.txt']]);
    expect(await remove('unknown')).toMatchObject({ code: 0 });
  });

  it('are words of analyzers, as they were when they were made known', async () => {
    const params = stops(remote('stop', 'stop.txt'));
    expect(await words(params, 'The quick a b')).toEqual(['quick', 'b']);
    expect(await words(stops(remote('none', 'stop.txt')), 'x')).toBe(1100);
    expect(await words(stops(remote('stop', 'other.txt')), 'x')).toBe(1100);
    expect(await words(stops({ type: 'local', path: 'words/stop.txt' }), 'the b')).toEqual(['b']);
    for (const path of ['/etc/hostname', '../secret.txt', 'words/link.txt'])
      expect(await words(stops({ type: 'local', path }), 'x')).not.toEqual(['x']);
    await mustSucceed(create('c', params));
    await mustSucceed(client.createIndex({ collection_name: 'c', field_name: 'vector', metric_type: 'L2' }));
    await mustSucceed(client.loadCollection({ collection_name: 'c' }));
    const data = ['the a', 'the word', 'word'].map((text, id) => ({ id, text, vector: vectorOf(id) }));
    await mustSucceed(client.insert({ collection_name: 'c', data }));
    expect([await matching('c', 'the'), await matching('c', 'word')]).toEqual([0, 2]);
    // What clients see is what they sent; the same again is the same.
    const { schema } = await client.describeCollection({ collection_name: 'c' });
    const shown = schema.fields.find(({ name }) => name === 'text')?.type_params ?? [];
    expect(shown.map(({ key }) => key).sort()).toEqual([
      ...['analyzer_params', 'enable_analyzer', 'enable_match', 'max_length'],
    ]);
    await mustSucceed(create('c', params));
    await writeFile(file('words/stop.txt'), 'word\n');
    expect(await words(params, 'the word')).toEqual(['word']);
    expect(await remove('stop')).toMatchObject({
      code: 1100,
      reason: expect.stringContaining('collection c'),
    });
    await rm(file('words/stop.txt'));
    await stop();
    await start();
    await mustSucceed(client.loadCollection({ collection_name: 'c' }));
    expect([await matching('c', 'the'), await matching('c', 'word')]).toEqual([0, 2]);
    expect(await list()).toEqual([['stop', 'words/stop.txt']]);
  });

  it('may be removed once no collection has their words', async () => {
    await mustSucceed(
      client.addCollectionField({
        collection_name: 'c',
        field: {
          ...{ name: 'more', data_type: DataType.VarChar, max_length: 200, nullable: true },
          ...{ enable_analyzer: true, analyzer_params: stops(remote('stop', 'stop.txt')) },
        },
      } as never),
    );
    expect((await remove('stop')).code).toBe(1100);
    await mustSucceed(client.dropCollection({ collection_name: 'c' }));
    expect(await remove('stop')).toMatchObject({ code: 0 });
    expect(await list()).toEqual([]);
    expect((await failureOf(() => create('d', stops(remote('stop', 'stop.txt'))))).code).toBe(1100);
  });
});
