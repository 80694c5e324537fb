// Query iterators: every row once, in key order, whatever the batch; and with a time that is held, whatever is written meanwhile.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { decodeInt64s } from '#model/columns/packed-array.js';
import { QueryRequest, QueryResults } from '#proto/milvus/milvus.js';
import { connectRaw, type RawClient } from './raw-client.js';
import { mustSucceed, openWorld, vectorField, vectorOf, type World } from './support.js';

const ROWS = 20_000;

describe.each(['Int64', 'VarChar'] as const)('iterators over %s keys', (keyType) => {
  let world: World;
  let client: MilvusClient;
  let raw: RawClient;
  const isText = keyType === 'VarChar';
  const keyOf = (n: number): string => (isText ? `k${String(n).padStart(6, '0')}` : String(n - 1000));
  const write = (begin: number, end: number, tag: number) =>
    mustSucceed(
      client.upsert({
        collection_name: 'c',
        // Neither inserted in key order, nor all of one segment.
        data: Array.from({ length: end - begin }, (_, at) => {
          const n = begin + ((at * 7919) % (end - begin));
          return { id: keyOf(n), tag: n % 10, seen: tag, vector: vectorOf(n % 100, 2) };
        }),
      }),
    );
  beforeAll(async () => {
    world = await openWorld('memory');
    ({ client } = world);
    raw = connectRaw(world.database.address);
    const key = isText
      ? { name: 'id', data_type: DataType.VarChar, max_length: 32, is_primary_key: true }
      : { name: 'id', data_type: DataType.Int64, is_primary_key: true };
    await mustSucceed(
      client.createCollection({
        collection_name: 'c',
        fields: [
          key,
          { ...vectorField, dim: 2 },
          { name: 'tag', data_type: DataType.Int64 },
          { name: 'seen', data_type: DataType.Int64 },
        ],
        shards_num: 2,
      }),
    );
    await mustSucceed(
      client.createIndex({
        collection_name: 'c',
        field_name: 'vector',
        index_type: 'FLAT',
        metric_type: 'L2',
      }),
    );
    await client.loadCollectionSync({ collection_name: 'c' });
    for (let begin = 0; begin < ROWS; begin += 5000) {
      await write(begin, begin + 5000, 0);
      if (begin === 5000) await client.flushSync({ collection_names: ['c'] });
    }
  });
  afterAll(async () => {
    raw.close();
    await world.close();
  });

  const iterate = async (batchSize: number, more: object): Promise<string[]> => {
    const found: string[] = [];
    const iterator = await client.queryIterator({
      collection_name: 'c',
      batchSize,
      output_fields: ['id'],
      ...more,
    } as never);
    for await (const batch of iterator) {
      expect(batch.length).toBeLessThanOrEqual(batchSize);
      for (const row of batch) found.push(String(row.id));
    }
    return found;
  };
  const all = Array.from({ length: ROWS }, (_, n) => keyOf(n));

  it.each([16_384, 5000, 333])('all rows in batches of %i', async (batchSize) => {
    expect(await iterate(batchSize, {})).toEqual(all);
  });

  it.each([
    [1, 'tag == 3', 300],
    [7, 'tag in [1, 2] and seen == 0', 1000],
    [100, 'tag > 7', undefined],
  ])('batches of %i of rows with %s', async (batchSize, expr, limit) => {
    const tags: Record<string, (tag: number) => boolean> = {
      'tag == 3': (tag) => tag === 3,
      'tag in [1, 2] and seen == 0': (tag) => tag === 1 || tag === 2,
      'tag > 7': (tag) => tag > 7,
    };
    const wanted = all.filter((_, n) => tags[expr]?.(n % 10));
    expect(await iterate(batchSize, { expr, ...(limit !== undefined && { limit }) })).toEqual(
      wanted.slice(0, limit),
    );
  });

  const page = async (expr: string, limit: number, guaranteeTimestamp: bigint): Promise<QueryResults> => {
    const request = QueryRequest.fromPartial({
      collectionName: 'c',
      expr,
      outputFields: ['id', 'seen'],
      guaranteeTimestamp,
      queryParams: Object.entries({
        iterator: 'True',
        reduce_stop_for_best: 'True',
        limit: String(limit),
      }).map(([key, value]) => ({ key, value })),
    });
    const answer = QueryResults.decode(await raw.call('Query', QueryRequest.encode(request).finish()));
    expect(answer.status?.reason ?? '').toBe('');
    return answer;
  };
  const valuesOf = ({ fieldsData }: QueryResults, name: string): string[] => {
    const field = fieldsData.find(({ fieldName }) => fieldName === name)?.field;
    const data = field?.$case === 'scalars' ? field.value.data : undefined;
    if (data?.$case === 'stringData') return [...data.value.data];
    if (data?.$case !== 'longData') return [];
    return Array.from(
      new BigInt64Array(bytesView(decodeInt64s(data.value.data, 'test')).slice().buffer),
      String,
    );
  };

  it('a time that is held shows none of what is written or deleted meanwhile', async () => {
    const literal = (key: string): string => (isText ? `"${key}"` : key);
    const { sessionTs } = await page('', 1, 0n);
    expect(sessionTs).toBeGreaterThan(0n);
    const found: string[] = [];
    for (let turn = 0, last = ''; ; turn++) {
      const answer = await page(last === '' ? '' : `id > ${literal(last)}`, 3000, sessionTs);
      expect(answer.sessionTs).toBe(sessionTs);
      const keys = valuesOf(answer, 'id');
      if (keys.length === 0) break;
      found.push(...keys);
      last = keys.at(-1) ?? '';
      expect(new Set(valuesOf(answer, 'seen'))).toEqual(new Set(['0']));
      // Rows behind the page and before it are replaced, deleted and added, and move into files.
      await write(turn * 1000, turn * 1000 + 500, turn + 1);
      await write(ROWS + turn * 10, ROWS + turn * 10 + 10, turn + 1);
      const gone = [ROWS - 1 - turn * 2, 600 + turn].map(keyOf);
      await mustSucceed(client.delete({ collection_name: 'c', filter: `id in [${gone.map(literal)}]` }));
      if (turn === 2) await client.flushSync({ collection_names: ['c'] });
    }
    expect(found).toEqual(all);
    expect((await client.count({ collection_name: 'c', expr: '' })).data).not.toBe(ROWS);
  });

  it('a page of a time that is not yet waits for it', async () => {
    const { sessionTs } = await page('', 1, 0n);
    const soon = sessionTs + (200n << 18n);
    const before = await page('', 1, soon);
    expect(before.sessionTs).toBe(soon);
  });
});
