// Searches by ids: the vectors of rows are the queries, one list of hits for each id, as if the client had sent them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COLLECTION, openSearchWorld, type SearchWorld, type VectorName } from './search-world.js';
import { failureOf, mustSucceed } from './support.js';

describe('searches by ids', () => {
  let world: SearchWorld;
  beforeAll(async () => {
    world = await openSearchWorld();
  }, 60_000);
  afterAll(() => world.close());

  const ask = (field: VectorName, more: object) =>
    world.client.search({
      collection_name: COLLECTION,
      anns_field: field,
      limit: 7,
      output_fields: ['id', 'tag'],
      ...more,
    } as never);

  it.each(['dense', 'other', 'sparse', 'bits'] as const)(
    'find by %s what its vectors find',
    async (field) => {
      // Flushed, growing, written again, one of them twice, and not in the order of keys.
      const ids = [301, 5, 260, 5, 299];
      const vectors = ids.map((id) => world.rows.get(id)?.[field]);
      const byVectors = await ask(field, { data: vectors });
      const byIds = await ask(field, { ids });
      expect(byIds.status.reason).toBe('');
      expect(byIds.results.length).toBe(ids.length);
      expect(byIds.results).toEqual(byVectors.results);
    },
  );

  it('go with filters, and with other searches', async () => {
    const [id] = [42];
    const dense = world.rows.get(id)?.dense;
    const more = { expr: 'n > 2', offset: 1 };
    expect((await ask('dense', { ids: [id], ...more })).results).toEqual(
      (await ask('dense', { data: [dense], ...more })).results,
    );
    const hybrid = (first: object) =>
      ask('dense', {
        data: [
          { anns_field: 'dense', ...first },
          { anns_field: 'other', data: [1, 1, 0, 0] },
        ],
      });
    expect((await hybrid({ ids: [id] })).results).toEqual((await hybrid({ data: dense })).results);
  });

  it('are refused for ids without a row, and of another type', async () => {
    const missing = await failureOf(() => ask('dense', { ids: [5, 17, 9999] }));
    expect(missing).toMatchObject({
      code: 1100,
      reason: expect.stringContaining(
        'some of the provided primary key IDs do not exist: missing IDs = [17, 9999]',
      ),
    });
    await mustSucceed(world.client.delete({ collection_name: COLLECTION, filter: 'id in [6]' }));
    expect((await failureOf(() => ask('dense', { ids: [6] }))).reason).toContain('missing IDs = [6]');
  });
});
