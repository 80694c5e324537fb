// MinHash through the client: texts go in, near duplicates are found by texts, with and without an index file.
import { DataType, FunctionType } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { mustSucceed, openWorld } from './support.js';

test('near duplicates are found by their texts', async () => {
  const world = await openWorld('memory');
  try {
    const { client } = world;
    const name = { collection_name: 'documents' };
    await mustSucceed(
      client.createCollection({
        ...name,
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true },
          { name: 'text', data_type: DataType.VarChar, max_length: 1000, enable_analyzer: true },
          { name: 'bits', data_type: DataType.BinaryVector, dim: 32 * 64 },
        ],
        functions: [
          {
            name: 'minhash',
            description: '',
            type: FunctionType.MINHASH,
            input_field_names: ['text'],
            output_field_names: ['bits'],
            params: { num_hashes: 64, shingle_size: 2 },
          },
        ],
      }),
    );
    await mustSucceed(
      client.createIndex({
        ...name,
        field_name: 'bits',
        index_type: 'MINHASH_LSH',
        metric_type: 'MHJACCARD',
        params: { mh_lsh_band: 16, mh_element_bit_width: 32, with_raw_data: true },
      }),
    );
    await mustSucceed(client.loadCollection(name));
    const texts = [
      'information retrieval is a field of study that helps users find relevant information in large datasets',
      'information retrieval is a field of study that helps people find relevant information in large datasets',
      'the weather was cold and it rained all day long in the mountains of the north',
    ];
    await mustSucceed(client.insert({ ...name, data: texts.map((text, id) => ({ id, text })) }));
    const { results, status } = await client.search({
      ...name,
      data: texts[1] ?? '',
      anns_field: 'bits',
      limit: 2,
      params: { mh_search_with_jaccard: true },
    });
    expect(status.reason).toBe('');
    expect(results.map(({ id }) => id)).toEqual(['1', '0']);
    expect(results[0]?.score).toBe(1);
    expect(results[1]?.score).toBeGreaterThan(0.5);
  } finally {
    await world.close();
  }
});
