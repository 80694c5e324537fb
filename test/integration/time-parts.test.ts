// `time_fields` of queries and searches through the real client: points in time as arrays of their parts, in the zone of the request.
import { DataType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSucceed, openWorld, type World } from './support.js';

describe('parts of points in time', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld('memory');
    const { client } = world;
    const collection_name = 'times';
    await mustSucceed(
      client.createCollection({
        collection_name,
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true },
          { name: 'at', data_type: DataType.Timestamptz, nullable: true },
          { name: 'vector', data_type: DataType.FloatVector, dim: 2 },
        ] as never,
      }),
    );
    await mustSucceed(
      client.createIndex({ collection_name, field_name: 'vector', index_type: 'FLAT', metric_type: 'L2' }),
    );
    await mustSucceed(client.loadCollection({ collection_name }));
    const data = [
      { id: 1, at: '2024-12-31T22:01:02.000345Z', vector: [1, 0] },
      { id: 2, at: null, vector: [2, 0] },
    ];
    await mustSucceed(client.insert({ collection_name, data }));
  });
  afterAll(() => world.close());

  const query = async (params: Record<string, unknown>) => {
    const answer = await world.client.query({
      collection_name: 'times',
      filter: 'id > 0',
      output_fields: ['id', 'at'],
      params,
    } as never);
    return answer.status.reason === ''
      ? answer.data.map(({ at }) => JSON.stringify(at))
      : [String(answer.status.code), answer.status.reason];
  };

  it('of a query, in the order asked for, in its zone', async () => {
    const all = 'year, month day,hour,minute,second,microsecond';
    expect(await query({ time_fields: all })).toEqual([
      '["2024","12","31","22","1","2","345"]',
      expect.stringMatching(/null|\[\]/),
    ]);
    expect((await query({ time_fields: 'Hour year', timezone: 'Asia/Shanghai' }))[0]).toBe('["6","2025"]');
    expect((await query({ timezone: 'Asia/Shanghai' }))[0]).toContain('2025-01-01T06:01:02.000345+08:00');
    expect(await query({ time_fields: 'century' })).toEqual(['1100', expect.stringContaining('time_fields')]);
  });

  it('of a search', async () => {
    const answer = await world.client.search({
      collection_name: 'times',
      data: [1, 0],
      limit: 1,
      output_fields: ['at'],
      params: { time_fields: 'month,second' },
    } as never);
    expect(JSON.stringify(answer.results)).toContain('"at":["12","2"]');
  });

  describe('of a hybrid search', () => {
    const hybrid = async (first: object, second: object, whole: object = {}) => {
      const leg = (params: object) => ({ data: [1, 0], anns_field: 'vector', params });
      const answer = await world.client.search({
        collection_name: 'times',
        data: [leg(first), leg(second)],
        limit: 1,
        output_fields: ['at'],
        rerank: { strategy: 'rrf', params: { k: 60 } },
        ...whole,
      } as never);
      return answer.status.reason === '' ? JSON.stringify(answer.results) : answer.status.reason;
    };

    it('as its searches agree', async () => {
      const asked = { time_fields: 'month,second' };
      expect(await hybrid(asked, asked)).toContain('"at":["12","2"]');
      expect(await hybrid(asked, {})).toContain('"at":["12","2"]');
      expect(await hybrid({ timezone: 'Asia/Shanghai' }, {})).toContain('2025-01-01T06:01:02.000345+08:00');
    });

    it('and not where they ask for different ones', async () => {
      expect(await hybrid({ time_fields: 'month' }, { time_fields: 'year' })).toContain(
        'the searches of a hybrid search have time_fields month and year, and there is one answer',
      );
      expect(await hybrid({ timezone: 'Asia/Shanghai' }, { timezone: 'UTC' })).toContain(
        'have timezone Asia/Shanghai and UTC',
      );
    });
  });
});
