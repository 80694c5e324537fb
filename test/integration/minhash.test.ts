// MinHash signatures through the Node SDK: growing rows by scan, flushed ones through MINHASH_LSH, and what is refused.
import { DataType } from '@zilliz/milvus2-sdk-node';
import { describe, expect, test } from 'vitest';
import { open } from '#server/open.js';
import { connect, keyField, mustSucceed, randomOf, tempFolder, until } from './support.js';

const name = 'documents';
const DIM = 256;
/** 16 elements of 16 bits with few values, so that signatures agree here and there. */
function signatureOf(seed: number): number[] {
  const next = randomOf(seed * 17 + 3);
  return Array.from({ length: DIM / 8 }, (_, at) => (at % 2 === 0 ? Math.floor((next() + 1) * 3) : 0));
}

function agreeing(a: readonly number[], b: readonly number[]): boolean[] {
  return Array.from(
    { length: DIM / 16 },
    (_, element) => a[element * 2] === b[element * 2] && a[element * 2 + 1] === b[element * 2 + 1],
  );
}

describe('MinHash', () => {
  test('similar signatures are found, before and after flush and restart', async () => {
    const folder = await tempFolder();
    let database = await open(folder.path, { logLevel: 'error' });
    let client = await connect(database.address);
    try {
      const fields = [keyField, { name: 'signature', data_type: DataType.BinaryVector, dim: DIM }];
      await mustSucceed(client.createCollection({ collection_name: name, fields } as never));
      const index = (params: object) =>
        client.createIndex({
          collection_name: name,
          field_name: 'signature',
          index_type: 'MINHASH_LSH',
          metric_type: 'MHJACCARD',
          params,
        } as never);
      const reason = async (params: object) =>
        index(params).then(
          (status) => status.reason,
          (error: Error & { reason?: string }) => error.reason ?? error.message,
        );
      expect(await reason({ mh_element_bit_width: 16, mh_lsh_band: 17 })).toContain(
        'should divide the number of hashes (16)',
      );
      await mustSucceed(index({ mh_element_bit_width: 16, mh_lsh_band: 8 }));
      await mustSucceed(client.loadCollection({ collection_name: name }));
      const data = Array.from({ length: 1500 }, (_, id) => ({ id, signature: signatureOf(id) }));
      await mustSucceed(client.insert({ collection_name: name, data } as never));
      const search = async (seed: number) => {
        const answer = await client.search({
          collection_name: name,
          data: [signatureOf(seed)],
          limit: 10,
        } as never);
        if (answer.status.code !== 0) throw new Error(answer.status.reason);
        return (answer.results as unknown as { id: string; score: number }[]).map(({ id, score }) => ({
          id: Number(id),
          score,
        }));
      };
      const expected = (seed: number, isIndexed: boolean) =>
        data
          .map(({ id, signature }) => ({ id, agrees: agreeing(signature, signatureOf(seed)) }))
          .filter(
            ({ agrees }) => !isIndexed || agrees.some((one, at) => at % 2 === 0 && one && agrees[at + 1]),
          )
          .map(({ id, agrees }) => ({ id, score: agrees.filter(Boolean).length / agrees.length }))
          .sort((a, b) => b.score - a.score || a.id - b.id)
          .slice(0, 10);
      for (const seed of [7, 100, 9999]) expect(await search(seed)).toEqual(expected(seed, false));
      await mustSucceed(client.flushSync({ collection_names: [name] }));
      for (const isRestarted of [false, true]) {
        if (isRestarted) {
          await client.closeConnection();
          await database.close();
          database = await open(folder.path, { logLevel: 'error' });
          client = await connect(database.address);
        }
        // One element agrees in pairs only by scan, so an answer of the index shows.
        const odd =
          Array.from({ length: 200 }, (_, i) => 20_000 + i).find(
            (seed) => expected(seed, true).length < 10,
          ) ?? 9999;
        for (const seed of [7, 100, odd]) {
          await until('the index', async () =>
            JSON.stringify(await search(seed)) === JSON.stringify(expected(seed, true)) ? true : undefined,
          );
        }
      }
    } finally {
      await client.closeConnection();
      await database.close();
      await folder.remove();
    }
  });
});
