// The part of the suite that is about collections: made, compared, changed, dropped; partitions, aliases; and how calls fail.
import { describe, expect, test } from 'vitest';
import {
  CancelledError,
  type Client,
  ClientError,
  collection,
  DeadlineError,
  DifferenceError,
  floatVector,
  InvalidRequestError,
  int32,
  int64,
  NotFoundError,
  NotLoadedError,
  structArray,
  varchar,
} from '#client/connect.js';

const first = collection('grown', {
  id: int64().primaryKey(),
  title: varchar(10),
  v: floatVector(4).index({ metric: 'L2' }),
});
const later = collection(
  'grown',
  {
    id: int64().primaryKey(),
    title: varchar(20).index({ type: 'INVERTED' }),
    stock: int32().default(7),
    v: floatVector(4).index({ metric: 'L2' }),
    w: floatVector(4).nullable(),
  },
  { properties: { timezone: 'Europe/Berlin' } },
);
const other = collection('grown', {
  id: int64().primaryKey(),
  title: varchar(10).nullable(),
  v: floatVector(8).index({ metric: 'COSINE' }),
  must: int32(),
});

const notes = { id: int64().primaryKey(), v: floatVector(4) } as const;
const withMarks = {
  ...notes,
  marks: structArray({ page: int32(), word: varchar(20) }, 4).nullable(),
} as const;

export function definitionTests(client: () => Client): void {
  test('a struct array that comes later is null in the rows before it', async () => {
    await client().collection(collection('notes', notes)).create();
    const shelf = client().collection(collection('notes', withMarks));
    await client()
      .collection(collection('notes', notes))
      .insert([{ id: 1n, v: [1, 2, 3, 4] }]);
    await shelf.ensure({ apply: 'additive' });
    await shelf.insert([
      { id: 2n, v: [1, 2, 3, 4], marks: [{ page: 7, word: 'a' }] },
      { id: 3n, v: [1, 2, 3, 4], marks: [] },
      { id: 4n, v: [1, 2, 3, 4], marks: null },
    ]);
    const rows = await shelf.query({ limit: 10, output: ['marks'] });
    expect(rows.toArray().map(({ marks }) => marks)).toEqual([null, [{ page: 7, word: 'a' }], [], null]);
    const hits = await shelf.search('v', [1, 2, 3, 4], { limit: 4, output: ['marks'] });
    expect(hits.at(0)?.row.marks).toBeNull();
    await shelf.drop();
  });

  test('ensure creates, finds the same, shows differences, adds what is missing', async () => {
    const made = client().collection(first);
    expect(await made.exists()).toBe(false);
    expect(await made.differences()).toBeUndefined();
    expect(await made.ensure()).toEqual([]);
    expect(await made.ensure()).toEqual([]);
    expect(await client().collections()).toContain('grown');
    await made.insert([{ id: 1n, title: 'one', v: [1, 2, 3, 4] }]);

    const wrong = await client()
      .collection(other)
      .ensure({ apply: 'additive' })
      .catch((error: unknown) => error);
    expect(wrong).toBeInstanceOf(DifferenceError);
    const { differences } = wrong as DifferenceError;
    expect(differences.map(({ kind, what }) => `${kind} ${what}`).sort()).toEqual([
      'changed dim of field "v"',
      'changed index of "v"',
      'changed nullable of field "title"',
      'missing field "must"',
    ]);
    expect((wrong as Error).message).toContain('dim of field "v" is 4 on the server, declared 8');

    const grown = client().collection(later);
    await expect(grown.ensure()).rejects.toThrow(/field "stock" is missing on the server/);
    const added = await grown.ensure({ apply: 'additive' });
    expect(added.map(({ what }) => what).sort()).toEqual([
      'field "stock"',
      'field "w"',
      'index of "title"',
      'index of "w"',
      'max_length of field "title"',
      'property "timezone"',
    ]);
    expect(await grown.ensure()).toEqual([]);
    await grown.insert([{ id: 2n, title: 'longer than ten', v: [1, 2, 3, 4], w: [1, 0, 0, 0] }]);
    expect((await grown.getMany([1n, 2n])).toArray()).toEqual([
      { id: 1n, title: 'one', stock: 7 },
      { id: 2n, title: 'longer than ten', stock: 7 },
    ]);
    await expect(made.ensure()).rejects.toThrow(
      /field "w" is on the server, FloatVector, dim 4, nullable, and not declared/,
    );
    await made.ensure({ newer: 'allow' });
    await grown.truncate();
    expect(await grown.count()).toBe(0);
    await grown.drop();
    await grown.drop();
  });

  test('ensure finishes a creation that was cut short', async () => {
    const two = collection('short', {
      id: int64().primaryKey(),
      title: varchar(20).index({ type: 'INVERTED' }),
      v: floatVector(4).index({ type: 'HNSW', metric: 'L2' }),
      w: floatVector(4).index({ type: 'FLAT', metric: 'IP' }),
    });
    const made = client().collection(two);
    await made.create({ load: false });
    const drop = (indexName: string) =>
      client().call('dropIndex', { collectionName: 'short', fieldName: indexName, indexName });
    await drop('title');
    // Without an index of a scalar the collection may be in use.
    await expect(made.ensure()).rejects.toThrow(/index of "title" is missing/);
    await drop('w');
    const finished = await made.ensure();
    expect(finished.map(({ what }) => what).sort()).toEqual(['index of "title"', 'index of "w"']);
    expect([await made.count(), await made.ensure()]).toEqual([0, []]);
    await made.drop();
  });

  test('partitions, aliases, load and release', async () => {
    const made = client().collection(first);
    await made.create();
    await made.partitions.create('p');
    await made.insert([{ id: 1n, title: 'one', v: [1, 2, 3, 4] }], { partition: 'p' });
    await made.insert([{ id: 2n, title: 'two', v: [1, 2, 3, 4] }]);
    expect(await made.count({ partitions: ['p'] })).toBe(1);
    expect((await made.partitions.list()).sort()).toEqual(['_default', 'p']);
    await made.aliases.create('other_name');
    expect(await made.aliases.list()).toEqual(['other_name']);
    await made.aliases.drop('other_name');
    await made.release();
    await expect(made.count()).rejects.toBeInstanceOf(NotLoadedError);
    await made.partitions.load(['p']);
    await made.load();
    expect(await made.count()).toBe(2);
    await made.drop();
  });

  describe('failures', () => {
    const missing = () => client().collection(collection('missing', first.fields));

    test('have a class, a code and a reason', async () => {
      const error = await missing()
        .count()
        .catch((failed: unknown) => failed);
      expect(error).toBeInstanceOf(NotFoundError);
      expect(error).toBeInstanceOf(ClientError);
      expect(error).toMatchObject({ code: 100, isRetriable: false, call: 'query' });
      expect((error as ClientError).reason).toContain('collection not found');
    });

    test('what cannot be sent is refused here, with the field and the row', async () => {
      const rows = [
        { id: 1n, title: 'x', v: [1, 2, 3, 4] },
        { id: 2n, title: 'x', v: [1, 2, 3] },
      ];
      await expect(missing().insert(rows)).rejects.toThrow(
        /field "v", row 1: the vector has 3 numbers, expected 4/,
      );
      await expect(missing().insert([])).rejects.toBeInstanceOf(InvalidRequestError);
      // @ts-expect-error a key that is no field
      await expect(missing().insert([{ ...rows[0], other: 1 }])).rejects.toThrow(
        /"other", which is no field/,
      );
      // @ts-expect-error no row
      await expect(missing().insert([undefined])).rejects.toThrow(/row 0 is undefined, expected an object/);
      // @ts-expect-error a row, not a list of them
      await expect(missing().upsert(rows[0])).rejects.toThrow(/rows are object, expected a list/);
      // @ts-expect-error no such level
      await expect(missing().count({ consistency: 'Strong' })).rejects.toThrow(/"Strong", expected one of/);
      await expect(missing().delete((f) => f.id.in([]))).rejects.toBeInstanceOf(NotFoundError);
      const columns = { id: BigInt64Array.of(1n), title: ['a', 'b'], v: new Float32Array(4) };
      await expect(missing().insert.columns(columns)).rejects.toThrow(/"title" has 2 rows and "id" has 1/);
    });

    test('a signal and a deadline end calls', async () => {
      await expect(missing().count({ signal: AbortSignal.abort() })).rejects.toBeInstanceOf(CancelledError);
      const reason = new Error('the reader left');
      const signal = AbortSignal.abort(reason);
      await expect(missing().count({ signal })).rejects.toMatchObject({ cause: reason });
      await expect(missing().count({ timeoutMs: -1 })).rejects.toBeInstanceOf(DeadlineError);
    });
  });
}
