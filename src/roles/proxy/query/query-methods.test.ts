// A query step by step, with shards that answer what the test says.
import { expect, it, vi } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { columnFromInt64 } from '#model/columns/column.js';
import { decodeInt64s } from '#model/columns/packed-array.js';
import { shardOfRow } from '#model/columns/row-key.js';
import type { FetchRowsRequest, ShardRetrieveRequest } from '#proto/elanus/roles.js';
import type { FieldData } from '#proto/milvus/schema.js';
import { openProxyWorld, VCHANNELS } from '../../../../test/support/proxy-world.js';

const keyShard = (key: bigint): number => shardOfRow(columnFromInt64(100n, [key]), 0, VCHANNELS.length);
const keysByShard = VCHANNELS.map((_, shard) =>
  Array.from({ length: 10 }, (_unused, key) => BigInt(key)).filter((key) => keyShard(key) === shard),
);

/** What shards answer beside the keys: when each row was written, and where it is. */
const [TIMES, SEGMENTS, ROWS] = [1n, -1n, -2n];

/** Keys 0 to 9 by shard, each in the row of its own number; field `n` is a hundred times the key. */
function retrieve({ vchannel, limit, countOnly, fieldIds, withAddresses }: ShardRetrieveRequest) {
  const shard = VCHANNELS.indexOf(vchannel);
  const keys = (keysByShard[shard] ?? []).slice(0, limit === 0n ? undefined : Number(limit));
  const readTimestamp = BigInt(40 + shard);
  if (countOnly) return { count: BigInt(keys.length), readTimestamp };
  const columns = [
    columnFromInt64(100n, keys),
    columnFromInt64(
      TIMES,
      keys.map(() => 1n),
    ),
  ];
  if (fieldIds.includes(102n))
    columns.push(
      columnFromInt64(
        102n,
        keys.map((key) => key * 100n),
      ),
    );
  if (withAddresses)
    columns.push(
      columnFromInt64(
        SEGMENTS,
        keys.map(() => 7n),
      ),
      columnFromInt64(ROWS, keys),
    );
  return { rows: { rowCount: keys.length, columns }, readTimestamp };
}

function fetchRows({ rows, fieldIds }: FetchRowsRequest) {
  const keys = [...new Uint32Array(rows.slice().buffer)].map(BigInt);
  const columns = fieldIds.map((id) =>
    columnFromInt64(
      id,
      keys.map((key) => (id === 100n ? key : key * 100n)),
    ),
  );
  return { rows: { rowCount: keys.length, columns } };
}

const numbersOf = (field: FieldData | undefined): bigint[] => {
  const data = field?.field?.$case === 'scalars' ? field.field.value.data : undefined;
  return data?.$case === 'longData'
    ? [...new BigInt64Array(bytesView(decodeInt64s(data.value.data, 'test')).slice().buffer)]
    : [];
};

const query = (expr: string, outputFields: string[], params: Record<string, string> = {}) => ({
  collectionName: 'c',
  expr,
  outputFields,
  queryParams: Object.entries(params).map(([key, value]) => ({ key, value })),
});

it('answers the rows of all shards in key order, as many as asked for', async () => {
  const asked = vi.fn(async (sent: ShardRetrieveRequest) => retrieve(sent));
  const { call } = openProxyWorld({ streamingNode: { retrieve: asked } });
  const answer = await call('query', query('', ['n'], { limit: '4' }));
  expect(answer).toMatchObject({ status: { code: 0 }, sessionTs: 41n, primaryFieldName: 'id' });
  expect(numbersOf(answer.fieldsData.find(({ fieldName }) => fieldName === 'n'))).toEqual([
    0n,
    100n,
    200n,
    300n,
  ]);
  expect(asked.mock.calls.map(([{ vchannel, limit }]) => [vchannel, limit])).toEqual(
    VCHANNELS.map((vchannel) => [vchannel, 4n]),
  );
  await call('query', query('id not in [3]', ['n']));
  expect(asked.mock.calls.at(-1)?.[0]).toMatchObject({ limit: 0n, filter: { keyCount: 1, negated: true } });
});

it('reads the fields of a page only', async () => {
  const fetched = vi.fn(async (sent: FetchRowsRequest) => fetchRows(sent));
  const asked = vi.fn(async (sent: ShardRetrieveRequest) => retrieve(sent));
  const { call } = openProxyWorld({ streamingNode: { retrieve: asked, fetchRows: fetched } });
  const answer = await call('query', query('', ['n'], { limit: '3', offset: '5' }));
  expect(numbersOf(answer.fieldsData.find(({ fieldName }) => fieldName === 'n'))).toEqual([500n, 600n, 700n]);
  expect(asked.mock.calls[0]?.[0]).toMatchObject({ limit: 8n, fieldIds: [], withAddresses: true });
  const places = fetched.mock.calls.flatMap(([{ rows }]) => [...new Uint32Array(rows.slice().buffer)]);
  expect(places.sort()).toEqual([5, 6, 7]);
});

it('counts over all shards, and does not page a count', async () => {
  const { call } = openProxyWorld({ streamingNode: { retrieve: async (sent) => retrieve(sent) } });
  expect(numbersOf((await call('query', query('', ['count(*)']))).fieldsData[0])).toEqual([10n]);
  expect((await call('query', query('', ['count(*)'], { limit: '1' }))).status?.code).toBe(1100);
  expect((await call('query', query('', ['n']))).status).toMatchObject({
    code: 1100,
    reason: 'empty expression should be used with limit: invalid parameter',
  });
});

it('a page of an iterator that began in another collection of the name is refused', async () => {
  const { call } = openProxyWorld({ streamingNode: { retrieve: async (sent) => retrieve(sent) } });
  const page = (collection_id: string) => call('query', query('', ['n'], { limit: '2', collection_id }));
  expect((await page('1')).status).toMatchObject({ code: 0 });
  expect((await page('2')).status).toMatchObject({
    code: 1100,
    reason: expect.stringContaining('collection id:2 in the request is not consistent'),
  });
});

it('names the columns of an empty answer', async () => {
  const { call } = openProxyWorld({ streamingNode: { retrieve: async () => ({}) } });
  const { fieldsData } = await call('query', query('id in [77]', ['n']));
  expect(fieldsData.map(({ fieldName, type }) => [fieldName, type])).toEqual([
    ['id', 5],
    ['n', 5],
  ]);
});

it('fails as a whole when one shard fails, and starts over when a segment moved', async () => {
  let failures = 1;
  const failing = async (sent: ShardRetrieveRequest) => {
    if (sent.vchannel === VCHANNELS[1] && failures-- > 0)
      throw new ElanusError('channel_not_available', 'moved');
    return retrieve(sent);
  };
  const { call } = openProxyWorld({ streamingNode: { retrieve: failing } });
  expect(numbersOf((await call('query', query('', ['count(*)']))).fieldsData[0])).toEqual([10n]);
  failures = Number.POSITIVE_INFINITY;
  const answer = await call('query', query('', ['count(*)']));
  expect(answer.status?.code).toBe(new ElanusError('channel_not_available', '').spec.code);
  expect(answer.fieldsData).toEqual([]);
});
