// Texts with words, as every transport of the typed client has them: analyzers, BM25 beside vectors, filters by words.
import { describe, expect, test } from 'vitest';
import {
  bm25,
  type Client,
  collection,
  DifferenceError,
  floatVector,
  InvalidRequestError,
  int64,
  rrf,
  text,
  varchar,
  where,
} from '#client/connect.js';

const fields = {
  id: int64().primaryKey(),
  title: varchar(100).analyzer('english'),
  body: text()
    .analyzer({ tokenizer: 'standard', filter: ['lowercase'] })
    .nullable(),
  v: floatVector(2).index({ type: 'FLAT', metric: 'L2' }),
  words: bm25('title').index({ params: { bm25_k1: 1.5 } }),
} as const;
const notes = collection('notes_of_words', fields);

export function fullTextTests(client: () => Client): void {
  describe('words of texts', () => {
    test('are searched, alone and beside vectors, and asked for by filters', async () => {
      const shelf = client().collection(notes);
      await shelf.ensure();
      expect(await shelf.ensure()).toEqual([]);
      await shelf.insert([
        { id: 1n, title: 'The whales of the sea', body: 'Call me Ishmael', v: [0, 0] },
        { id: 2n, title: 'A sea of sand', v: [1, 0] },
        { id: 3n, title: 'Sandworms', body: 'He who controls the spice', v: [2, 0] },
      ]);
      await shelf.insert.columns({ id: [4n], title: ['Whale, whale, whaling'], v: [[3, 0]] });
      const ids = async (found: Promise<{ readonly ids: BigInt64Array }>) => [...(await found).ids];
      expect(await ids(shelf.search('words', 'whales', { output: ['title'] }))).toEqual([4n, 1n]);
      const many = await shelf.searchMany('words', ['sand', 'nothing'], { output: [] });
      expect(many.map((hits) => [...hits.ids])).toEqual([[2n], []]);
      const parts = [
        { field: 'v', vector: [3, 0] },
        { field: 'words', vector: 'sand' },
      ] as const;
      expect(await ids(shelf.hybrid(parts, { limit: 2, rank: rrf(1), output: [] }))).toEqual([2n, 4n]);
      const count = (where: Parameters<typeof shelf.count>[0]) => shelf.count(where);
      expect(await count({ where: (f) => f.title.textMatch('sand whale') })).toBe(3);
      expect(await count({ where: (f) => f.title.textMatch('sea whale', { minimumShouldMatch: 2 }) })).toBe(
        1,
      );
      expect(await count({ where: (f) => f.body.phraseMatch('CALL me') })).toBe(1);
      expect(await count({ where: (f) => f.body.phraseMatch('call ishmael', 1) })).toBe(1);
      expect(await count({ where: (f) => f.title.textMatchFuzzy('wale', 1) })).toBe(2);
      expect(() => where(notes, (f) => f.title.textMatch('a', { minimumShouldMatch: 0 }))).toThrow(
        /0 words, expected a whole number from 1/,
      );
      expect(await count({ where: (f) => f.title.textMatch(`' or true or '`) })).toBe(0);
      await shelf.update([{ id: 1n, title: 'The whales of the sand' }]);
      expect(await ids(shelf.search('words', 'sea', { output: [] }))).toEqual([2n]);
      await shelf.drop();
    });

    test('that are declared otherwise are differences', async () => {
      const shelf = client().collection(notes);
      await shelf.create();
      const english = fields.title;
      const other = collection('notes_of_words', {
        ...fields,
        title: varchar(100).analyzer(),
        body: fields.body,
        words: bm25('body'),
      });
      const found = await client()
        .collection(other)
        .ensure({ apply: 'additive' })
        .catch((error: unknown) => error);
      expect(found).toBeInstanceOf(DifferenceError);
      expect(
        (found as DifferenceError).differences.map(({ what, declared, found: is }) => [what, declared, is]),
      ).toEqual([
        ['analyzer of field "title"', '{"type":"standard"}', '{"type":"english"}'],
        ['function of field "words"', 'BM25 of body', 'BM25 of title'],
      ]);
      // Without an analyzer it says nothing about words.
      const plain = collection('notes_of_words', { ...fields, body: text().nullable(), title: english });
      expect(await client().collection(plain).ensure()).toEqual([]);
      await shelf.drop();
    });

    test('are neither written nor made of what has none', async () => {
      const shelf = client().collection(notes);
      const row = { id: 1n, title: 'a', v: [0, 0] };
      // @ts-expect-error the server makes it
      await expect(shelf.insert([{ ...row, words: {} }])).rejects.toThrow(
        /"words" has a value, which the server makes of "title"/,
      );
      // @ts-expect-error the server makes it
      await expect(shelf.upsert.columns({ words: [{}] })).rejects.toBeInstanceOf(InvalidRequestError);
      // @ts-expect-error it is searched by a text
      await expect(shelf.search('words', { 1: 1 })).rejects.toThrow(/is object, expected a text/);
      const { title, ...others } = fields;
      expect(title.spec.params.enable_analyzer).toBe('true');
      expect(() => collection('a', { ...others, title: varchar(100) })).toThrow(
        /"words" is of the words of "title", expected a text field with an analyzer/,
      );
    });
  });
}
