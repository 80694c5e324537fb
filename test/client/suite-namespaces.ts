// The part of the suite that is about collections with namespaces: nothing reaches the rows of another one.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Client,
  collection,
  DifferenceError,
  floatVector,
  InvalidRequestError,
  int64,
  NotFoundError,
  varchar,
} from '#client/connect.js';

const fields = {
  id: int64().primaryKey(),
  title: varchar(40),
  v: floatVector(4).index({ metric: 'L2' }),
} as const;
const tenants = collection('tenants', fields, { namespaces: 'partition_key' });
const plain = collection('tenants', fields);
const shops = collection('shops', fields, { namespaces: 'partition' });

const row = (id: bigint, title: string) => ({ id, title, v: [Number(id), 0, 0, 0] });

export function namespaceTests(client: () => Client): void {
  describe('namespaces that are values of a hidden key', () => {
    const shelf = () => client().collection(tenants);
    const [acme, other] = [() => shelf().namespace('acme'), () => shelf().namespace('other "x" or true')];
    beforeAll(async () => {
      await shelf().ensure();
      await acme().insert([row(1n, 'one'), row(2n, 'two')]);
      await other().insert.columns({ id: [3n], title: ['three'], v: [[3, 0, 0, 0]] });
    });
    afterAll(() => shelf().drop());

    test('reads meet the rows of their own', async () => {
      expect([await acme().count(), await other().count()]).toEqual([2, 1]);
      expect((await acme().query({ limit: 10 })).toArray()).toEqual([
        { id: 1n, title: 'one' },
        { id: 2n, title: 'two' },
      ]);
      expect([await acme().get(3n), (await other().get(3n))?.title]).toEqual([undefined, 'three']);
      expect(await acme().count({ where: (f) => f.id.gt(0n).or(f.title.eq('three')) })).toBe(2);
      const seen: bigint[] = [];
      for await (const { id } of acme().scan({ batch: 1 })) seen.push(id);
      expect(seen).toEqual([1n, 2n]);
    });

    test('searches too', async () => {
      const near = [3, 0, 0, 0];
      expect([...(await acme().search('v', near)).ids]).toEqual([2n, 1n]);
      expect((await other().searchMany('v', [near, near])).map(({ ids }) => [...ids])).toEqual([[3n], [3n]]);
      expect([...((await acme().searchByIds('v', [1n]))[0]?.ids ?? [])]).toContain(2n);
      const hybrid = await acme().hybrid([
        { field: 'v', vector: near },
        { field: 'v', vector: [1, 0, 0, 0], where: (f) => f.id.gt(1n) },
      ]);
      expect([...hybrid.ids].sort()).toEqual([1n, 2n]);
      const pages: bigint[] = [];
      for await (const page of acme().searchPages('v', near, { batch: 1 })) pages.push(...page.ids);
      expect(pages).toEqual([2n, 1n]);
    });

    test('writes change and delete the rows of their own', async () => {
      expect(await other().delete((f) => f.id.le(2n))).toBe(0);
      await other().delete([1n, 2n]);
      expect(await acme().count()).toBe(2);
      await acme().upsert([row(2n, 'deux')]);
      await acme().update([{ id: 1n, title: 'un' }]);
      expect((await acme().query({ limit: 10, output: ['title'] })).toArray()).toEqual([
        { id: 1n, title: 'un' },
        { id: 2n, title: 'deux' },
      ]);
      expect(await acme().delete([2n])).toBe(1);
      expect([await acme().count(), await other().count()]).toEqual([1, 1]);
    });

    test('a declaration without them, or of the other mode, differs', async () => {
      expect(await shelf().differences()).toEqual([]);
      const wrong = await client()
        .collection(plain)
        .ensure({ apply: 'additive' })
        .catch((error: unknown) => error);
      expect(wrong).toBeInstanceOf(DifferenceError);
      expect((wrong as DifferenceError).message).toContain(
        'namespaces is partition_key on the server, declared none',
      );
      const moved = client().collection(collection('tenants', fields, { namespaces: 'partition' }));
      expect((await moved.differences())?.map(({ what, found }) => [what, found])).toEqual([
        ['namespaces', 'partition_key'],
      ]);
    });
  });

  test('namespaces that are partitions are made, listed, released and dropped; keys are their own', async () => {
    const shelf = client().collection(shops);
    await shelf.ensure();
    expect(await shelf.differences()).toEqual([]);
    await expect(shelf.namespace('north').insert([row(1n, 'one')])).rejects.toBeInstanceOf(NotFoundError);
    const names = Array.from({ length: 103 }, (_, n) => `s${1000 + n}`);
    for (const name of names) await shelf.namespaces.create(name);
    expect(await shelf.namespaces.list()).toEqual(names);
    const [north, south] = [shelf.namespace('s1000'), shelf.namespace('s1001')];
    await north.insert([row(1n, 'north')]);
    await south.insert([row(1n, 'south')]);
    expect([(await north.get(1n))?.title, (await south.get(1n))?.title]).toEqual(['north', 'south']);
    await expect(shelf.namespaces.drop('s1000')).rejects.toThrow(/loaded/);
    await shelf.namespaces.release(['s1000']);
    await shelf.namespaces.drop('s1000');
    await shelf.namespaces.drop('s1000');
    expect([await shelf.namespaces.exists('s1000'), await shelf.namespaces.exists('s1001')]).toEqual([
      false,
      true,
    ]);
    expect((await south.get(1n))?.title).toBe('south');
    await shelf.drop();
  });

  test('a mode that there is not, and rows without a namespace, are refused', async () => {
    expect(() => collection('a', fields, { namespaces: 'tenant' as 'partition' })).toThrow(
      "collection a: namespaces is \"tenant\", expected 'partition_key' or 'partition'",
    );
    const shelf = client().collection(collection('unsaid', fields, { namespaces: 'partition_key' }));
    await shelf.create();
    const untold = client().collection(collection('unsaid', fields));
    await expect(untold.insert([row(1n, 'one')])).rejects.toBeInstanceOf(InvalidRequestError);
    await expect(untold.count()).rejects.toThrow('namespace data is not set');
    await shelf.drop();
  });
}
