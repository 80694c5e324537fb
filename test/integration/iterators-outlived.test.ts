// Iterators beside what takes rows away in one go: a truncate, a drop or a release of a partition, a time to live. A page is whole as of the
// first one, or it fails and says why; it never ends the iteration early.
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { decodeInt64s } from '#model/columns/packed-array.js';
import { QueryRequest, QueryResults } from '#proto/milvus/milvus.js';
import { type Elanus, open } from '#server/open.js';
import { connectRaw, type RawClient } from './raw-client.js';
import { connect, createLoaded, insertRange, mustSucceed, tempFolder, until, vectorOf } from './support.js';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let database: Elanus;
let client: MilvusClient;
let raw: RawClient;
const collection_name = 'c';

async function start(): Promise<void> {
  database = await open(folder.path, { logLevel: 'silent' });
  client = await connect(database.address);
  raw = connectRaw(database.address);
}

async function stop(): Promise<void> {
  raw.close();
  await client.closeConnection();
  await database.close();
}

beforeAll(async () => {
  folder = await tempFolder();
  await start();
});
afterAll(async () => {
  await stop();
  await folder.remove();
});
beforeEach(async () => {
  await createLoaded(client, collection_name, { shards: 2 });
  await mustSucceed(client.createPartition({ collection_name, partition_name: 'p' }));
  await insertRange(client, collection_name, 0, 20);
  await mustSucceed(
    client.insert({
      collection_name,
      partition_name: 'p',
      data: Array.from({ length: 20 }, (_, at) => ({ id: 20 + at, vector: vectorOf(20 + at) })),
    }),
  );
  await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
});
afterEach(async () => {
  await client.dropCollection({ collection_name });
});

interface Page {
  readonly ids: readonly number[];
  readonly reason: string;
  /** What the next page is asked with. */
  readonly next: Next;
}
type Next = Readonly<Record<string, unknown>>;
/** One page of so many rows. */
type ReadPage = (size: number, next: Next, partitions?: string[]) => Promise<Page>;

const keysIn = (packed: Uint8Array): number[] =>
  Array.from(new BigInt64Array(bytesView(decodeInt64s(packed, 'test')).slice().buffer), Number);

const queryPage: ReadPage = async (size, next, partitionNames = []) => {
  const { last = -1, timestamp = 0n } = next as { readonly last?: number; readonly timestamp?: bigint };
  const request = QueryRequest.fromPartial({
    ...{ collectionName: collection_name, expr: `id > ${last}`, outputFields: ['id'], partitionNames },
    guaranteeTimestamp: timestamp,
    queryParams: [
      { key: 'iterator', value: 'True' },
      { key: 'limit', value: String(size) },
    ],
  });
  const answer = QueryResults.decode(await raw.call('Query', QueryRequest.encode(request).finish()));
  const field = answer.fieldsData[0]?.field;
  const data = field?.$case === 'scalars' ? field.value.data : undefined;
  const ids = data?.$case === 'longData' ? keysIn(data.value.data) : [];
  const sessionTs = timestamp === 0n ? answer.sessionTs : timestamp;
  return { ids, reason: answer.status?.reason ?? '', next: { last: ids.at(-1), timestamp: sessionTs } };
};

const searchPage =
  (version: Record<string, unknown>): ReadPage =>
  async (size, next, partition_names = []) => {
    const answer = await client.search({
      ...{ collection_name, data: [vectorOf(1)], limit: size, output_fields: ['id'], partition_names },
      params: {
        iterator: true,
        ...version,
        ...('search_iter_v2' in version && { search_iter_batch_size: size }),
        ...next,
      },
    } as never);
    const { token, last_bound } = answer.search_iterator_v2_results ?? {};
    const results = (answer.results ?? []) as unknown as readonly {
      readonly id: string;
      readonly score: number;
    }[];
    const behind =
      'search_iter_v2' in version
        ? { search_iter_id: token, search_iter_last_bound: last_bound }
        : { radius: 1e9, range_filter: (results.at(-1)?.score ?? 0) + 1e-6 };
    const ids = results.map(({ id }) => Number(id));
    const time = next.guarantee_timestamp ?? answer.session_ts;
    return { ids, reason: answer.status.reason, next: { ...behind, guarantee_timestamp: time } };
  };

/** All ids, or why not. `between` runs after the first page. */
async function iterate(
  page: ReadPage,
  between: () => Promise<unknown>,
  partitions: string[] = [],
): Promise<readonly number[] | string> {
  const first = await page(7, {}, partitions);
  expect(first.reason).toBe('');
  await between();
  const ids = [...first.ids];
  if (ids.length === 0) return ids;
  for (let next = first.next; ids.length < 1000; ) {
    const one = await page(7, next, partitions);
    if (one.reason !== '') return one.reason;
    if (one.ids.length === 0) return ids.sort((a, b) => a - b);
    ids.push(...one.ids);
    next = one.next;
  }
  return 'the pages do not end';
}

const all = Array.from({ length: 40 }, (_, id) => id);
const BEGIN_ANEW = /begin a new one/;

describe.each<[string, ReadPage]>([
  ['query', queryPage],
  ['search, second generation', searchPage({ search_iter_v2: true })],
  ['search, first generation', searchPage({})],
])('pages of a %s', (_, page) => {
  test('are whole where nothing happens, and fail after a truncate', async () => {
    expect(await iterate(page, async () => undefined)).toEqual(all);
    expect(await iterate(page, () => mustSucceed(client.truncateCollection({ collection_name })))).toMatch(
      BEGIN_ANEW,
    );
    expect(await iterate(page, async () => undefined)).toEqual([]);
    await insertRange(client, collection_name, 0, 20);
    const named = () => mustSucceed(client.truncateCollection({ collection_name }));
    expect(await iterate(page, named, ['_default'])).toMatch(BEGIN_ANEW);
  });

  test('fail after a partition that they read was released, and dropped', async () => {
    const release = () => mustSucceed(client.releasePartitions({ collection_name, partition_names: ['p'] }));
    expect(await iterate(page, release)).toMatch(BEGIN_ANEW);
    const drop = () => mustSucceed(client.dropPartition({ collection_name, partition_name: 'p' }));
    // It was not read: nothing of it is missing.
    expect(await iterate(page, drop)).toEqual(all.slice(0, 20));
  });

  test('go on where another partition goes or comes', async () => {
    const drop = async () => {
      await mustSucceed(client.releasePartitions({ collection_name, partition_names: ['p'] }));
      await mustSucceed(client.dropPartition({ collection_name, partition_name: 'p' }));
    };
    expect(await iterate(page, drop, ['_default'])).toEqual(all.slice(0, 20));
  });

  test('do not begin to read what is loaded meanwhile', async () => {
    await mustSucceed(client.releasePartitions({ collection_name, partition_names: ['p'] }));
    const load = () => mustSucceed(client.loadPartitions({ collection_name, partition_names: ['p'] }));
    expect(await iterate(page, load)).toEqual(all.slice(0, 20));
    expect(await iterate(page, async () => undefined)).toEqual(all);
  });

  test('read on what a time to live, set meanwhile, hides from others', async () => {
    const shorten = async () => {
      const properties = { 'collection.ttl.seconds': 1 };
      await mustSucceed(client.alterCollectionProperties({ collection_name, properties }));
      await expect
        .poll(async () => (await client.count({ collection_name })).data, { timeout: 10_000 })
        .toEqual(0);
    };
    expect(await iterate(page, shorten)).toEqual(all);
    expect(await iterate(page, async () => undefined)).toEqual([]);
  });

  test('go on after deletes and a restart; fail where a compaction used the deletes up before it', async () => {
    const restart = async () => {
      await stop();
      await start();
    };
    const deleted = async () => {
      await mustSucceed(client.delete({ collection_name, filter: 'id in [1, 2, 21, 25]' }));
      await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
      await mustSucceed(client.delete({ collection_name, filter: 'id in [11, 12, 31, 35]' }));
      await mustSucceed(client.insert({ collection_name, data: [{ id: 100, vector: vectorOf(100) }] }));
      await restart();
    };
    expect(await iterate(page, deleted)).toEqual(all);
    const compacted = async () => {
      await mustSucceed(client.delete({ collection_name, filter: 'id in [5, 30]' }));
      await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
      const { compactionID } = await client.compact({ collection_name });
      await until('the compaction ends', async () => {
        const { state } = await client.getCompactionState({ compactionID });
        return String(state) === 'Completed' ? true : undefined;
      });
      await restart();
    };
    expect(await iterate(page, compacted)).toMatch(BEGIN_ANEW);
  });

  test('fail where a restart came after the truncate', async () => {
    const restart = async () => {
      await mustSucceed(client.truncateCollection({ collection_name }));
      await stop();
      await start();
    };
    expect(await iterate(page, restart)).toMatch(BEGIN_ANEW);
  });
});

test('the query iterator of the Node SDK, which holds no time, leaves out nothing that stays', async () => {
  const found: number[] = [];
  for await (const page of await client.queryIterator({
    ...{ collection_name, batchSize: 7, expr: '', output_fields: ['id'] },
  } as never)) {
    found.push(...page.map(({ id }: { id: string }) => Number(id)));
    if (found.length > 7) continue;
    await mustSucceed(client.delete({ collection_name, filter: 'id in [3, 9, 10, 39]' }));
    const data = [-2, -1, 100, 101].map((id) => ({ id, vector: vectorOf(id) }));
    await mustSucceed(client.insert({ collection_name, data }));
  }
  // It counted 40 rows first, and ends after so many: of those behind its page it sees as many as there were rows deleted.
  expect(found).toEqual([...all.filter((id) => ![9, 10, 39].includes(id)), 100, 101]);
});
