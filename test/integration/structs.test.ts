// Struct arrays through the real client: what goes in comes out, from memory, from files, after the folder was opened again, and from
// imported files; what is wrong is reported and leaves nothing.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataType, type FieldType, type MilvusClient, type RowData } from '@zilliz/milvus2-sdk-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { open } from '#server/open.js';
import { startServer } from './server-process.js';
import {
  connect,
  failureOf,
  keyField,
  lastingWorld,
  mustSucceed,
  tempFolder,
  until,
  vectorField,
  vectorOf,
} from './support.js';

const COLLECTION = 'docs';
const CAPACITY = 40;
const structField = (name: string, nullable: boolean, fields: FieldType[]): FieldType => ({
  name,
  data_type: DataType.Array,
  element_type: DataType.Struct,
  max_capacity: CAPACITY,
  nullable,
  fields,
});
const fields: FieldType[] = [
  keyField,
  vectorField,
  structField('chunks', false, [
    { name: 'text', data_type: DataType.VarChar, max_length: 64 },
    { name: 'page', data_type: DataType.Int64 },
    { name: 'isMain', data_type: DataType.Bool },
    { name: 'weight', data_type: DataType.Double },
    { name: 'small', data_type: DataType.Int8 },
    { name: 'emb', data_type: DataType.FloatVector, dim: 4 },
    { name: 'bits', data_type: DataType.BinaryVector, dim: 16 },
  ]),
  structField('notes', true, [
    { name: 'text', data_type: DataType.VarChar, max_length: 8 },
    { name: 'tiny', data_type: DataType.Int8Vector, dim: 2 },
  ]),
];
const lengthOf = (id: number): number => (id % 7 === 0 ? 0 : id % 7 === 6 ? CAPACITY : id % 7);
const chunkOf = (id: number, at: number) => ({
  text: at % 3 === 0 ? '' : `chunk ${at} of ${id} ☃`,
  page: at % 2 === 0 ? '9223372036854775807' : String(-id - at),
  isMain: at === 0,
  weight: at / 3,
  small: (at % 100) - 50,
  emb: vectorOf(id * 100 + at, 4),
  bits: [id % 256, at],
});
const rowOf = (id: number): RowData => ({
  id,
  vector: vectorOf(id),
  chunks: Array.from({ length: lengthOf(id) }, (_, at) => chunkOf(id, at)),
  notes:
    id % 3 === 0 ? null : Array.from({ length: id % 3 }, (_, at) => ({ text: `${id}`, tiny: [at, -at - 1] })),
});
const answerOf = (id: number): RowData => ({ ...rowOf(id), id: String(id) });
const range = (begin: number, end: number): number[] =>
  Array.from({ length: end - begin }, (_, at) => begin + at);

describe('struct arrays', () => {
  let client: MilvusClient;
  const world = lastingWorld({ logLevel: 'error' }, (begun) => {
    client = begun;
  });
  const index = (
    collection_name: string,
    field_name: string,
    metric_type: string,
    index_type = 'AUTOINDEX',
  ) => mustSucceed(client.createIndex({ collection_name, field_name, index_type, metric_type }));
  const load = (collection_name = COLLECTION) => client.loadCollectionSync({ collection_name });
  const read = async (
    filter: string,
    output_fields = ['*'],
    collection_name = COLLECTION,
  ): Promise<RowData[]> => {
    const answer = await client.query({ collection_name, filter, output_fields, limit: 1000 });
    expect(answer.status).toMatchObject({ code: 0, reason: '' });
    return answer.data;
  };
  const expectAll = async (ids: readonly number[]): Promise<void> => {
    const rows = await read(`id in [${ids.join(', ')}]`);
    expect(rows).toEqual(ids.map(answerOf));
  };

  beforeAll(async () => {
    await mustSucceed(client.createCollection({ collection_name: COLLECTION, fields, shards_num: 2 }));
    await index(COLLECTION, 'vector', 'L2');
    await index(COLLECTION, 'chunks[emb]', 'MAX_SIM_COSINE', 'HNSW');
    await index(COLLECTION, 'chunks[bits]', 'MAX_SIM_HAMMING', 'BIN_FLAT');
    await index(COLLECTION, 'notes[tiny]', 'COSINE', 'HNSW');
    await load();
  });

  it('describes what was created, and creates the same again', async () => {
    const { schema } = await client.describeCollection({ collection_name: COLLECTION });
    expect(schema.fields.map((field) => [field.name, Number(field.fieldID)])).toEqual([
      ['id', 100],
      ['vector', 101],
      ['chunks', 102],
      ['notes', 110],
    ]);
    const chunks = schema.fields.find(({ name }) => name === 'chunks');
    expect(chunks).toMatchObject({ element_type: 'Struct', max_capacity: String(CAPACITY) });
    expect(chunks?.fields?.map((field) => [field.name, field.data_type])).toEqual([
      ['text', 'VarChar'],
      ['page', 'Int64'],
      ['isMain', 'Bool'],
      ['weight', 'Double'],
      ['small', 'Int8'],
      ['emb', 'FloatVector'],
      ['bits', 'BinaryVector'],
    ]);
    const described = await client.describeIndex({ collection_name: COLLECTION, field_name: 'chunks[emb]' });
    expect(described.index_descriptions).toMatchObject([
      { index_name: 'chunks[emb]', field_name: 'chunks[emb]' },
    ]);
    await mustSucceed(client.createCollection({ collection_name: COLLECTION, fields, shards_num: 2 }));
    const other = fields.map((field) => (field.name === 'notes' ? { ...field, nullable: false } : field));
    const refused = await failureOf(() =>
      client.createCollection({ collection_name: COLLECTION, fields: other, shards_num: 2 }),
    );
    expect(refused.reason).toContain('create duplicate collection with different parameters');
  });

  it('gives back what was written: growing, after a delete and an upsert, flushed, and opened again', async () => {
    const ids = range(0, 60);
    await mustSucceed(client.insert({ collection_name: COLLECTION, data: ids.map(rowOf) }));
    await expectAll(ids);
    await mustSucceed(client.delete({ collection_name: COLLECTION, ids: [3, 4] }));
    await mustSucceed(client.upsert({ collection_name: COLLECTION, data: [{ ...rowOf(13), id: 5 }] }));
    const left = ids.filter((id) => ![3, 4, 5].includes(id));
    const expectLeft = async (): Promise<void> => {
      await expectAll(left);
      expect(await read('id in [3, 4, 5]')).toEqual([{ ...answerOf(13), id: '5' }]);
      const count = await client.query({
        collection_name: COLLECTION,
        expr: '',
        output_fields: ['count(*)'],
      });
      expect(count.data).toEqual([{ 'count(*)': '58' }]);
    };
    await expectLeft();
    await world.restart();
    await load();
    await expectLeft();
    await client.flushSync({ collection_names: [COLLECTION] });
    await expectLeft();
    await world.restart();
    await load();
    await expectLeft();
    await mustSucceed(client.insert({ collection_name: COLLECTION, data: range(60, 70).map(rowOf) }));
    await expectAll(range(50, 70));
  });

  it('keeps what a partial update leaves out, and replaces a struct array as a whole', async () => {
    const update = (row: RowData) =>
      mustSucceed(client.upsert({ collection_name: COLLECTION, partial_update: true, data: [row] }));
    await update({ id: 7, vector: vectorOf(999) });
    expect(await read('id == 7')).toEqual([{ ...answerOf(7), vector: vectorOf(999) }]);
    await update({ id: 7, chunks: rowOf(12).chunks as RowData['chunks'] });
    expect(await read('id == 7')).toEqual([
      { ...answerOf(7), vector: vectorOf(999), chunks: answerOf(12).chunks },
    ]);
    await update({ id: 7, notes: null });
    expect(await read('id == 7', ['notes'])).toEqual([{ id: '7', notes: null }]);
    await mustSucceed(client.upsert({ collection_name: COLLECTION, data: [rowOf(7)] }));
  });

  it('answers whole structs, or the sub-fields that were asked for', async () => {
    const [whole] = await read('id == 8', ['chunks']);
    expect(whole).toEqual({ id: '8', chunks: answerOf(8).chunks });
    const [part] = await read('id == 8', ['chunks[text]', 'chunks[emb]', 'notes[tiny]']);
    expect(part).toEqual({
      id: '8',
      chunks: [chunkOf(8, 0)].map(({ text, emb }) => ({ text, emb })),
      notes: [{ tiny: [0, -1] }, { tiny: [1, -2] }],
    });
    const absent = await client.query({
      collection_name: COLLECTION,
      filter: 'id == 8',
      output_fields: ['chunks[x]'],
    });
    expect(absent.status).toMatchObject({ code: 65535, reason: 'field chunks[x] not exist' });
    const hits = await client.search({
      collection_name: COLLECTION,
      anns_field: 'vector',
      data: vectorOf(8),
      output_fields: ['id', 'chunks'],
      limit: 1,
    });
    expect(hits.results).toMatchObject([{ id: '8', chunks: answerOf(8).chunks }]);
  });

  it('imports rows of JSON', async () => {
    const jsonOf = (id: number): string => {
      const { chunks, ...row } = rowOf(id);
      const list = (chunks as ReturnType<typeof chunkOf>[]).map(
        ({ page, ...chunk }) => `{"page": ${page}, ${JSON.stringify(chunk).slice(1)}`,
      );
      return `{"chunks": [${list.join(', ')}], ${JSON.stringify(row).slice(1)}`;
    };
    const importText = async (name: string, text: string) => {
      const path = join(world.folder, 'objects', name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
      const started = await client.bulkInsert({ collection_name: COLLECTION, files: [name] });
      const [task] = started.tasks;
      return until('the end of the import', async () => {
        const state = await client.getImportState({ task: task as number });
        return ['ImportCompleted', 'ImportFailed'].includes(state.state) ? state : undefined;
      });
    };
    const ids = range(200, 230);
    const done = await importText('in/rows.json', `[${ids.map(jsonOf).join(',')}]`);
    expect(done.state).toBe('ImportCompleted');
    await until('imported rows', async () => ((await read('id == 229')).length === 1 ? true : undefined));
    await expectAll(ids);
    const numbered = { ...chunkOf(1, 0), page: 1 };
    const wrong: [string, string][] = [
      [JSON.stringify([{ text: 'a' }]), 'element 0 has no page'],
      [JSON.stringify([{ ...numbered, more: 1 }]), 'which no sub-field has'],
      [JSON.stringify([{ ...numbered, emb: [1, 2] }]), 'vector 0 has 2 values, expected 4'],
      [JSON.stringify([{ ...numbered, text: null }]), 'text of element 0 is null'],
      [JSON.stringify(Array(CAPACITY + 1).fill(numbered)), 'exceeds max capacity'],
      ['{"text": 1}', 'is no list of objects'],
      ['null', 'expected a value in each row'],
    ];
    for (const [at, [text, reason]] of wrong.entries()) {
      const row = { ...rowOf(300), chunks: undefined };
      const failed = await importText(
        `in/w${at}.json`,
        `[{"chunks": ${text}, ${JSON.stringify(row).slice(1)}]`,
      );
      expect(JSON.stringify(failed.infos)).toContain(reason);
    }
    expect(await read('id >= 300')).toEqual([]);
  });

  it('says what is wrong with a row, and writes none of its request', async () => {
    const good = rowOf(400);
    const [chunk] = [chunkOf(400, 0)];
    const refusals: [RowData, string][] = [
      [{ ...good, chunks: Array(CAPACITY + 1).fill(chunk) }, 'exceeds max capacity (40)'],
      [{ ...good, chunks: [{ ...chunk, emb: [1, 2, 3] }] }, 'not a multiple of 16'],
      [{ ...good, chunks: [{ ...chunk, text: 'x'.repeat(65) }] }, 'exceeds max length'],
      [
        { ...good, chunks: [chunk, { ...chunk, emb: [] }] },
        "inconsistent struct element count in struct 'chunks' at row 1",
      ],
      [{ ...good, chunks: [{ ...chunk, emb: [1, 2, 3, Number.NaN] }] }, 'not a number or infinity'],
      [{ ...good, chunks: [{ ...chunk, small: 200 }] }, 'out of range'],
    ];
    for (const [row, reason] of refusals) {
      const answer = await client.insert({
        collection_name: COLLECTION,
        data: [rowOf(401), { ...row, id: 402 }],
      });
      expect(answer.status.reason).toContain(reason);
      expect(answer.status.code).toBe(1100);
    }
    expect(await read('id in [401, 402]')).toEqual([]);
  });
});

describe('schemas with struct arrays', () => {
  it('are refused as Milvus refuses them', async () => {
    const database = await open(undefined, { logLevel: 'error' });
    const client = await connect(database.address);
    const text: FieldType = { name: 'text', data_type: DataType.VarChar, max_length: 8 };
    const create = (struct: FieldType) =>
      client.createCollection({
        collection_name: 'refused',
        fields: [keyField, vectorField, struct],
      });
    const refusals: [FieldType, string][] = [
      [structField('vector', false, [text]), 'duplicated field name'],
      [structField('1s', false, [text]), 'Invalid field name: 1s'],
      [structField('s', false, [text, text]), 'duplicated field name'],
      [structField('s', false, [{ ...text, name: 'a b' }]), 'Invalid field name: a b'],
      [
        structField('s', false, [{ ...text, is_primary_key: true }]),
        'primary key is not supported for struct field',
      ],
      [
        structField('s', false, [{ name: 'v', data_type: DataType.FloatVector, dim: 1 }]),
        'invalid dimension: 1',
      ],
      [
        structField('s', false, [{ name: 'v', data_type: DataType.SparseFloatVector }]),
        'unsupported element type',
      ],
      [
        structField('s', false, [{ name: 'j', data_type: DataType.JSON }]),
        'element data type JSON is not valid',
      ],
      [{ ...structField('s', false, [text]), max_capacity: 4097 }, 'should be in (0, 4096]'],
      [{ ...structField('s', false, [text]), max_capacity: 'many' }, 'must be an integer, got many'],
    ];
    for (const [struct, reason] of refusals) {
      const refused = await failureOf(() => create(struct));
      expect(refused.reason).toContain(reason);
    }
    await client.closeConnection();
    await database.close();
  });
});

it('keeps acknowledged struct arrays when the server is killed', async () => {
  const folder = await tempFolder();
  const create = async (client: Awaited<ReturnType<typeof connect>>): Promise<void> => {
    await mustSucceed(client.createCollection({ collection_name: COLLECTION, fields, shards_num: 2 }));
    for (const [field_name, metric_type] of [
      ['vector', 'L2'],
      ['chunks[emb]', 'MAX_SIM_COSINE'],
      ['chunks[bits]', 'MAX_SIM_JACCARD'],
      ['notes[tiny]', 'L2'],
    ] as const)
      await mustSucceed(client.createIndex({ collection_name: COLLECTION, field_name, metric_type }));
  };
  let server = await startServer(folder.path);
  try {
    let client = await connect(server.address);
    await create(client);
    for (let round = 0; round < 3; round++) {
      const ids = range(round * 20, round * 20 + 20);
      await mustSucceed(client.insert({ collection_name: COLLECTION, data: ids.map(rowOf) }));
      if (round === 1) await client.flushSync({ collection_names: [COLLECTION] });
      // Killed with a write under way: it may be there or not, but whole.
      const underWay = client
        .insert({ collection_name: COLLECTION, data: range(900, 960).map(rowOf) })
        .catch(() => undefined);
      server.kill('SIGKILL');
      await server.ended;
      await client.closeConnection();
      await underWay;
      server = await startServer(folder.path);
      client = await connect(server.address);
      await client.loadCollectionSync({ collection_name: COLLECTION });
      const answer = await client.query({
        ...{ collection_name: COLLECTION, filter: 'id < 900', output_fields: ['*'], limit: 1000 },
      });
      expect(answer.data).toEqual(range(0, round * 20 + 20).map(answerOf));
      const late = await client.query({
        ...{ collection_name: COLLECTION, filter: 'id >= 900', output_fields: ['*'], limit: 1000 },
      });
      for (const row of late.data) expect(row).toEqual(answerOf(Number(row.id)));
      await mustSucceed(client.delete({ collection_name: COLLECTION, filter: 'id >= 900' }));
    }
    await client.closeConnection();
  } finally {
    server.kill('SIGKILL');
    await server.ended;
    await folder.remove();
  }
}, 120_000);
