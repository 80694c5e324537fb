// Import of files through the SDK: rows appear together and stay, a wrong file is reported by name, row and field and leaves nothing.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataType, FunctionType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { describe, expect, test } from 'vitest';
import {
  createLoaded,
  failureOf,
  insertRange,
  keyField,
  lastingWorld,
  mustSucceed,
  until,
  vectorOf,
} from './support.js';

describe('import', () => {
  let client: MilvusClient;
  const world = lastingWorld({ logLevel: 'silent' }, (begun) => {
    client = begun;
  });
  const put = async (key: string, text: string): Promise<void> => {
    const path = join(world.folder, 'objects', key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };
  const fields = [
    { name: 'title', data_type: DataType.VarChar, max_length: 10 },
    { name: 'extra', data_type: DataType.JSON },
  ];
  const rowOf = (id: number) => ({ id, vector: vectorOf(id), title: `t${id}`, extra: { id } });
  const rows = (begin: number, end: number) =>
    Array.from({ length: end - begin }, (_, at) => rowOf(begin + at));
  /** Starts a job and waits for its end. */
  async function importFiles(collection_name: string, files: string[]) {
    const started = await client.bulkInsert({ collection_name, files });
    expect(started.status).toMatchObject({ code: 0, reason: '' });
    const [task] = started.tasks;
    if (task === undefined) throw new Error('no task');
    return until('the end of the import', async () => {
      const state = await client.getImportState({ task });
      expect(state.status.code).toBe(0);
      return ['ImportCompleted', 'ImportFailed'].includes(state.state) ? { ...state, task } : undefined;
    });
  }
  const reasonOf = (state: { infos: readonly { key: string; value: string | number }[] }): string =>
    String(state.infos.find(({ key }) => key === 'failed_reason')?.value);
  const idsOf = async (collection_name: string): Promise<number[]> => {
    const read = await client.query({
      collection_name,
      filter: 'id not in [-1]',
      output_fields: ['id'],
      limit: 10_000,
    });
    return read.data.map(({ id }) => Number(id)).sort((a, b) => a - b);
  };
  const range = (begin: number, end: number): number[] =>
    Array.from({ length: end - begin }, (_, at) => begin + at);

  test('the rows of a collection with a partition key go where their keys say; no partition may be named', async () => {
    await createLoaded(client, 'keyed', {
      fields: [{ name: 'tenant', data_type: DataType.Int64, is_partition_key: true }],
    });
    const line = (id: number): string => JSON.stringify({ id, vector: vectorOf(id), tenant: id % 5 });
    await put('in/keyed.jsonl', range(0, 100).map(line).join('\n'));
    expect(
      await failureOf(() =>
        client.bulkInsert({
          collection_name: 'keyed',
          files: ['in/keyed.jsonl'],
          partition_name: '_default_0',
        }),
      ),
    ).toMatchObject({ code: 1100, reason: expect.stringContaining('partition name') });
    const state = await importFiles('keyed', ['in/keyed.jsonl']);
    expect([state.state, reasonOf(state), Number(state.row_count)]).toEqual(['ImportCompleted', '', 100]);
    const ofTenant = await client.query({
      collection_name: 'keyed',
      filter: 'tenant == 3',
      output_fields: ['id'],
      limit: 100,
    });
    expect(ofTenant.data.map(({ id }) => Number(id)).sort((x, y) => x - y)).toEqual(
      range(0, 100).filter((id) => id % 5 === 3),
    );
    // A row that is written again takes the place of the imported one, in the partition of its key.
    await mustSucceed(
      client.upsert({ collection_name: 'keyed', data: [{ id: 3, vector: vectorOf(3), tenant: 3 }] }),
    );
    expect((await client.count({ collection_name: 'keyed' })).data).toBe(100);
  });

  test('a function makes its output of imported texts, which are found by their words', async () => {
    const bm25 = {
      ...{ name: 'bm25', type: FunctionType.BM25, params: {} },
      ...{ input_field_names: ['title'], output_field_names: ['sparse'] },
    };
    const collection = { collection_name: 'worded' };
    const worded = [
      keyField,
      { name: 'title', data_type: DataType.VarChar, max_length: 100, enable_analyzer: true },
      { name: 'sparse', data_type: DataType.SparseFloatVector },
    ];
    await mustSucceed(client.createCollection({ ...collection, fields: worded, functions: [bm25] } as never));
    await mustSucceed(
      client.createIndex({
        ...collection,
        field_name: 'sparse',
        index_type: 'AUTOINDEX',
        metric_type: 'BM25',
      }),
    );
    await mustSucceed(client.loadCollection(collection));
    const line = (id: number): string => JSON.stringify({ id, title: `word${id % 10} in row ${id}` });
    await put('in/worded.jsonl', range(0, 40).map(line).join('\n'));
    const state = await importFiles('worded', ['in/worded.jsonl']);
    expect([state.state, reasonOf(state), Number(state.row_count)]).toEqual(['ImportCompleted', '', 40]);
    const found = await client.search({
      collection_name: 'worded',
      data: 'word7',
      anns_field: 'sparse',
      limit: 10,
    } as never);
    expect((found.results as unknown as { id: string }[]).map(({ id }) => Number(id))).toEqual([
      7, 17, 27, 37,
    ]);
  });

  test('(8) of a row that is written while an import runs the imported one is the newer', async () => {
    await createLoaded(client, 'winner', { fields });
    await insertRange(client, 'winner', 0, 10, (id) => ({ title: 'old', extra: { id } }));
    await put('in/winner.json', JSON.stringify(rows(0, 10)));
    await importFiles('winner', ['in/winner.json']);
    // The commit is the time of its rows: what was written before it is older, what is written after it is newer.
    const titles = async (): Promise<string[]> =>
      (await client.get({ collection_name: 'winner', ids: [3, 4], output_fields: ['title'] })).data.map(
        ({ title }) => title,
      );
    expect(await titles()).toEqual(['t3', 't4']);
    await mustSucceed(client.upsert({ collection_name: 'winner', data: [{ ...rowOf(4), title: 'new' }] }));
    expect(await titles()).toEqual(['t3', 'new']);
  });

  test.each([
    ['(9) an empty list', 'in/empty.json', '{"rows":[]}'],
    ['(9) a head without rows', 'in/empty.csv', 'id,vector,title,extra\n'],
  ])('%s completes with no rows', async (what, file, text) => {
    const name = `empty_${what.replaceAll(/\W+/g, '_')}`;
    await createLoaded(client, name, { fields });
    await put(file, text);
    const state = await importFiles(name, [file]);
    expect([state.state, Number(state.row_count)]).toEqual(['ImportCompleted', 0]);
  });

  test.each([
    ['books.json', (list: object[]) => JSON.stringify({ rows: list })],
    ['list.json', (list: object[]) => JSON.stringify(list)],
    ['lines.jsonl', (list: object[]) => list.map((row) => JSON.stringify(row)).join('\n')],
  ] as const)(
    '%s into a loaded collection, beside rows that were inserted; there after a restart',
    async (file, write) => {
      const name = file.replace('.', '_');
      await createLoaded(client, name, { fields, shards: 2 });
      await insertRange(client, name, 0, 5, (id) => ({ title: `t${id}`, extra: { id } }));
      await put(`in/${file}`, write(rows(5, 300)));
      const state = await importFiles(name, [`in/${file}`]);
      expect([state.state, reasonOf(state)]).toEqual(['ImportCompleted', '']);
      expect(Number(state.row_count)).toBe(295);
      expect(
        await until('imported rows', async () => ((await idsOf(name)).length === 300 ? true : undefined)),
      ).toBe(true);
      const check = async (): Promise<void> => {
        expect(await idsOf(name)).toEqual(range(0, 300));
        expect((await client.count({ collection_name: name })).data).toBe(300);
        const hit = await client.search({
          collection_name: name,
          data: vectorOf(77),
          limit: 1,
          output_fields: ['*'],
        });
        expect(hit.results[0]).toMatchObject({
          id: '77',
          title: 't77',
          extra: { id: 77 },
          vector: vectorOf(77),
        });
      };
      await check();
      await world.restart();
      await check();
      // They are rows like others.
      await mustSucceed(client.delete({ collection_name: name, ids: [77, 1] }));
      await mustSucceed(client.upsert({ collection_name: name, data: [{ ...rowOf(78), title: 'new' }] }));
      expect((await client.count({ collection_name: name })).data).toBe(298);
      const got = await client.get({ collection_name: name, ids: [1, 77, 78], output_fields: ['title'] });
      expect(got.data.map(({ title }) => title)).toEqual(['new']);
      const { tasks } = await client.listImportTasks({ collection_name: name });
      expect(tasks.map((task) => task.state)).toEqual(['ImportCompleted']);
    },
  );
  const good = rows(0, 3);
  test.each([
    ['a vector too short', [...good, { ...rowOf(3), vector: [1, 2] }], 4, 'vector'],
    ['a text too long', [...good, { ...rowOf(3), title: 'x'.repeat(11) }], 4, 'title'],
    ['a number where text belongs', [{ ...rowOf(0), title: 5 }], 1, 'title'],
    ['a field missing', [...good, { id: 3, vector: vectorOf(3), extra: {} }], 4, 'title'],
    ['a field there is not', [...good, { ...rowOf(3), ghost: 1 }], 4, 'ghost'],
    ['a key that is none', [{ ...rowOf(0), id: 'one' }], 1, 'id'],
  ] as const)(
    '%s: the reason names file, row and field; nothing of the job stays',
    async (what, list, row, field) => {
      const name = `bad_${what.replaceAll(/\W+/g, '_')}`;
      await createLoaded(client, name, { fields });
      await insertRange(client, name, 100, 105, (id) => ({ title: `t${id}`, extra: { id } }));
      await put('in/first.json', JSON.stringify(rows(50, 60)));
      await put(`in/${name}.json`, JSON.stringify(list));
      const state = await importFiles(name, ['in/first.json', `in/${name}.json`]);
      expect(state.state).toBe('ImportFailed');
      expect(reasonOf(state)).toContain(`in/${name}.json`);
      expect(reasonOf(state)).toContain(`row ${row}`);
      expect(reasonOf(state)).toContain(field);
      expect(await idsOf(name)).toEqual(range(100, 105));
    },
  );
  test('files that cannot be: not there, not JSON, another format, outside the store, none', async () => {
    const name = 'no_files';
    await createLoaded(client, name, { fields });
    await put('in/broken.json', '[{"id": 1, "vec');
    for (const [file, text] of [
      ['in/ghost.json', 'not found'],
      ['in/broken.json', 'in/broken.json'],
      ['in/rows.xml', '.parquet'],
      ['../../secret.json', 'secret.json'],
    ] as const) {
      const started = await client.bulkInsert({ collection_name: name, files: [file] });
      if (started.status.code !== 0) {
        expect(started.status.reason).toContain(text);
        continue;
      }
      const state = await importFiles(name, [file]);
      expect([file, state.state]).toEqual([file, 'ImportFailed']);
      expect(reasonOf(state)).toContain(text);
    }
    const none = await failureOf(() => client.bulkInsert({ collection_name: name, files: [] }));
    expect(none.code).not.toBe(0);
    const nowhere = await failureOf(() =>
      client.bulkInsert({ collection_name: 'ghost', files: ['in/first.json'] }),
    );
    expect(nowhere.code).toBe(100);
    expect((await client.getImportState({ task: 123 })).status.code).not.toBe(0);
    expect(await idsOf(name)).toEqual([]);
  });
});
