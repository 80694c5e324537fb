// A search step by step, with shards that answer what the test says.
import { describe, expect, it, vi } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { columnFromInt64 } from '#model/columns/column.js';
import { decodeInt64s } from '#model/columns/packed-array.js';
import { shardOfRow } from '#model/columns/row-key.js';
import type { FetchRowsRequest, ShardSearchRequest } from '#proto/elanus/roles.js';
import { PlaceholderGroup, PlaceholderType } from '#proto/milvus/common.js';
import type { SearchResults } from '#proto/milvus/milvus.js';
import type { FieldData } from '#proto/milvus/schema.js';
import { encodeHits } from '#segment/search/hits.js';
import { collectionRecord, openProxyWorld, VCHANNELS } from '../../../../test/support/proxy-world.js';

const SEGMENT = 7n;
const keysOf = (keys: readonly bigint[]) => columnFromInt64(100n, keys);

/** Keys 0 to 9 by the shard that has them; the score of a key is its value, and its row is its value too. */
const keysByShard = VCHANNELS.map((_, shard) =>
  Array.from({ length: 10 }, (_unused, key) => BigInt(key)).filter(
    (key) => shardOfRow(keysOf([key]), 0, VCHANNELS.length) === shard,
  ),
);

function answerOf({ vchannel, topK }: ShardSearchRequest) {
  const keys = (keysByShard[VCHANNELS.indexOf(vchannel)] ?? []).slice(0, topK);
  return encodeHits(
    {
      counts: Uint32Array.of(keys.length),
      scores: Float32Array.from(keys, (key) => Number(key) + 0.123),
      segmentIds: BigInt64Array.from(keys, () => SEGMENT),
      rows: Uint32Array.from(keys, Number),
      keys: keysOf(keys),
      timestamps: BigUint64Array.from(keys, () => 1n),
    },
    BigInt(VCHANNELS.indexOf(vchannel) + 40),
  );
}

/** Field `n` of a row is a hundred times its key. */
function rowsOf({ rows }: FetchRowsRequest) {
  const places = [...new Uint32Array(rows.slice().buffer)];
  const column = columnFromInt64(
    102n,
    places.map((row) => BigInt(row) * 100n),
  );
  return { rows: { rowCount: places.length, columns: [column] } };
}

const request = (params: Record<string, string>, outputFields: string[] = []) => ({
  collectionName: 'c',
  outputFields,
  searchParams: Object.entries({ topk: '4', ...params }).map(([key, value]) => ({ key, value })),
  searchInput: {
    $case: 'placeholderGroup' as const,
    value: PlaceholderGroup.encode({
      placeholders: [
        {
          tag: '$0',
          type: PlaceholderType.FloatVector,
          values: [bytesView(Float32Array.of(0, 1))],
          elementLevel: false,
        },
      ],
    }).finish(),
  },
});

const int64sOf = (packed: Uint8Array): bigint[] => [
  ...new BigInt64Array(decodeInt64s(packed, 'test').slice().buffer),
];

const numbersOf = (field: FieldData | undefined): bigint[] => {
  const data = field?.field?.$case === 'scalars' ? field.field.value.data : undefined;
  return data?.$case === 'longData' ? int64sOf(data.value.data) : [];
};

const idsOf = ({ results }: SearchResults): bigint[] => {
  const field = results?.ids?.idField;
  if (field?.$case !== 'intId') return [];
  return int64sOf(field.value.data);
};

const scoresOf = ({ results }: SearchResults): number[] => [
  ...new Float32Array((results?.scores ?? new Uint8Array(0)).slice().buffer),
];

describe('search', () => {
  it('asks every shard once for what the request says', async () => {
    const search = vi.fn(async (sent: ShardSearchRequest) => answerOf(sent));
    const { call } = openProxyWorld({ streamingNode: { search } });
    const answer = await call('search', {
      ...request({ offset: '2', topk: '3', metric_type: 'L2', round_decimal: '1' }),
      dsl: 'id in [8, 5]',
      guaranteeTimestamp: 2n,
    });
    expect(answer.status).toMatchObject({ code: 0 });
    expect(search.mock.calls.map(([{ vchannel }]) => vchannel)).toEqual(VCHANNELS);
    const [sent] = search.mock.calls[0] ?? [];
    expect(sent).toMatchObject({
      partitionIds: [10n, 11n],
      loadedOnly: true,
      fieldId: 101n,
      topK: 5,
      queryCount: 1,
      guaranteeTimestamp: 0n,
      filter: { keyCount: 2, negated: false },
    });
  });

  it('merges the shards, leaves the offset out, fetches what stays, and keeps the order', async () => {
    const fetchRows = vi.fn(async (sent: FetchRowsRequest) => rowsOf(sent));
    const { call } = openProxyWorld({ streamingNode: { search: async (sent) => answerOf(sent), fetchRows } });
    const answer = await call('search', request({ offset: '1', round_decimal: '1' }, ['n']));
    expect(idsOf(answer)).toEqual([1n, 2n, 3n, 4n]);
    expect(scoresOf(answer).map((score) => score.toFixed(3))).toEqual(['1.100', '2.100', '3.100', '4.100']);
    expect(answer.sessionTs).toBe(41n);
    const [field] = answer.results?.fieldsData ?? [];
    expect(numbersOf(field)).toEqual([100n, 200n, 300n, 400n]);
    const fetched = fetchRows.mock.calls.flatMap(([{ rows }]) => [...new Uint32Array(rows.slice().buffer)]);
    expect(fetched.sort()).toEqual([1, 2, 3, 4]);
  });

  it('needs no fetch for keys, and none when nothing is found', async () => {
    const { call } = openProxyWorld({ streamingNode: { search: async (sent) => answerOf(sent) } });
    expect(numbersOf((await call('search', request({}, ['id']))).results?.fieldsData[0])).toEqual([
      0n,
      1n,
      2n,
      3n,
    ]);
    const empty = openProxyWorld({
      streamingNode: { search: async (sent) => answerOf({ ...sent, topK: 0 }) },
    });
    const answer = await empty.call('search', request({}, ['n']));
    expect([answer.status?.code, idsOf(answer), answer.results?.fieldsData]).toEqual([0, [], []]);
  });

  it('fails as a whole when one shard fails', async () => {
    const search = async (sent: ShardSearchRequest) => {
      if (sent.vchannel === VCHANNELS[1]) throw new ElanusError('memory_limit', 'no room for that');
      return answerOf(sent);
    };
    const { call } = openProxyWorld({ streamingNode: { search } });
    const answer = await call('search', request({}));
    expect(answer).toMatchObject({ status: { code: 3, reason: 'no room for that' }, results: undefined });
  });

  it('starts over when a segment moved between search and fetch, and gives up at the deadline', async () => {
    let lost = 1;
    const search = vi.fn(async (sent: ShardSearchRequest) => answerOf(sent));
    const fetchRows = async (sent: FetchRowsRequest) => {
      if (lost-- > 0) throw new ElanusError('segment_not_found', 'moved');
      return rowsOf(sent);
    };
    const { call, platform } = openProxyWorld({ streamingNode: { search, fetchRows } });
    expect(idsOf(await call('search', request({}, ['n'])))).toEqual([0n, 1n, 2n, 3n]);
    expect(search).toHaveBeenCalledTimes(2 * VCHANNELS.length);
    lost = Number.POSITIVE_INFINITY;
    const begin = platform.clock.now();
    const answer = await call('search', request({}, ['n']), { deadlineMs: begin + 500 });
    expect(answer.status).toMatchObject({ code: 600, reason: 'moved' });
    expect(platform.clock.now() - begin).toBeLessThanOrEqual(500);
  });

  it('is refused before a shard is asked', async () => {
    const { call } = openProxyWorld({
      queryCoord: { loadState: async () => ({ known: true, progress: 100, partitionIds: [10n] }) },
    });
    const refusals: [object, number][] = [
      [{ ...request({}), partitionNames: ['other'] }, 101],
      [{ ...request({}), partitionNames: ['absent'] }, 200],
      [{ ...request({}), functionScore: {} }, 1100],
      [{ ...request({}), searchInput: { $case: 'ids', value: {} } }, 1100],
      [{ ...request({}), searchInput: undefined }, 1100],
      [{ ...request({ topk: '0' }) }, 1100],
      [{ ...request({}), dsl: 'id in [' }, 1100],
    ];
    for (const [sent, code] of refusals) expect((await call('search', sent)).status?.code).toBe(code);
    const notLoaded = openProxyWorld({ queryCoord: { loadState: async () => ({ known: false }) } });
    expect((await notLoaded.call('search', request({}))).status?.code).toBe(101);
  });

  it('passes on what one shard merged', async () => {
    const record = collectionRecord({ vchannels: VCHANNELS.slice(0, 1) });
    const { call } = openProxyWorld({ streamingNode: { search: async (sent) => answerOf(sent) } }, record);
    expect(idsOf(await call('search', request({ offset: '1', topk: '2' })))).toEqual(
      (keysByShard[0] ?? []).slice(1, 3),
    );
  });
});
