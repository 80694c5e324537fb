// Segments of a shard at several query-nodes: read as one, lost one node at a time, and moved while they are read and written.
import { expect, test } from 'vitest';
import { columnFromInt64, int64Values } from '#model/columns/column.js';
import { FetchRowsRequest, ShardRetrieveRequest } from '#proto/elanus/roles.js';
import { backgroundContext } from '#rpc/service.js';
import { readerWorld } from '../../../../test/support/reader-world.js';
import { KEY } from '../../../../test/support/segments.js';

const [ONE, TWO, THREE] = [11n, 12n, 13n] as const;
const deletionOf = (...keys: bigint[]) => ({ deletedKeys: columnFromInt64(KEY, keys) });

test('each segment is asked for at its own node, and all answer as one', async () => {
  const { targetAt, found, retrieved, seen, search, reader, run, write } = readerWorld({
    2: [1n, 4n],
    4: [2n],
    6: [3n],
  });
  await write(20n, {});
  await targetAt(10n, [
    [2n, ONE],
    [4n, TWO],
    [6n, ONE],
  ]);
  expect(seen.calls.filter((call) => call.startsWith('load'))).toEqual([
    'load 2 at 11',
    'load 4 at 12',
    'load 6 at 11',
  ]);
  expect(await found()).toEqual([1n, 2n, 3n, 4n]);
  expect(seen.calls.filter((call) => call.startsWith('search'))).toEqual([
    'search 2,6 at 11',
    'search 4 at 12',
  ]);
  expect(await retrieved()).toEqual([1n, 2n, 3n, 4n]);
  expect(await retrieved({ limit: 2n })).toEqual([1n, 2n]);
  const count = ShardRetrieveRequest.fromPartial({ countOnly: true });
  expect(await run(reader.retrieve(count, backgroundContext))).toMatchObject({ count: 4n });
  const hits = await search();
  const { rows } = await run(
    reader.fetch(
      FetchRowsRequest.fromPartial({
        segmentIds: new Uint8Array(hits.segmentIds.buffer),
        rows: new Uint8Array(hits.rows.buffer),
        fieldIds: [KEY],
      }),
      backgroundContext,
    ),
  );
  expect(rows?.columns[0] && [...int64Values(rows.columns[0])]).toEqual([...int64Values(hits.keys)]);
});

test('of a key that is at two nodes the newer row counts, of equal times that of the later segment', async () => {
  const keys = { 2: [1n, 2n], 4: [2n, 3n], 6: [3n, 4n] };
  const { targetAt, search, run, reader, write } = readerWorld(keys, { 2: 8n, 4: 5n, 6: 5n });
  await write(20n, {});
  await targetAt(10n, [
    [2n, ONE],
    [4n, TWO],
    [6n, ONE],
  ]);
  const placesOf = ({ keys: found, segmentIds }: Awaited<ReturnType<typeof search>>) =>
    Object.fromEntries([...int64Values(found)].map((key, at) => [String(key), segmentIds[at]]));
  const expected = { 1: 2n, 2: 2n, 3: 6n, 4: 6n };
  expect(placesOf(await search())).toEqual(expected);
  // With lists that are left short by what is superseded.
  expect((await search({ topK: 3 })).rows).toHaveLength(3);
  const retrieve = ShardRetrieveRequest.fromPartial({ withAddresses: true });
  const { rows } = await run(reader.retrieve(retrieve, backgroundContext));
  const [found, places] = [rows?.columns[0], rows?.columns.find(({ fieldId }) => fieldId === -1n)];
  const ids = places === undefined ? [] : [...int64Values(places)];
  const byKey = found && [...int64Values(found)].map((key, at) => [String(key), ids[at]] as const);
  expect(Object.fromEntries(byKey ?? [])).toEqual(expected);
});

test('a node that goes loses its segments alone, and the next target loads those alone elsewhere', async () => {
  const { targetAt, found, search, seen, faults, write } = readerWorld({ 2: [1n], 4: [2n] });
  await write(20n, {});
  await targetAt(10n, [
    [2n, ONE],
    [4n, TWO],
  ]);
  faults.gone.add(TWO);
  await expect(search()).rejects.toMatchObject({ key: 'collection_not_fully_loaded' });
  expect(seen.lost).toBe(1);
  await expect(
    targetAt(11n, [
      [2n, ONE],
      [4n, TWO],
    ]),
  ).rejects.toMatchObject({ key: 'target_outdated' });
  seen.calls.length = 0;
  await targetAt(12n, [
    [2n, ONE],
    [4n, THREE],
  ]);
  expect(seen.calls).toEqual(['load 4 at 13']);
  expect(await found()).toEqual([1n, 2n]);
});

test('a node that does not take a delete loses its segments alone; nothing that was deleted returns', async () => {
  const { targetAt, found, search, seen, faults, write, nodes } = readerWorld({ 2: [1n, 3n], 4: [2n, 5n] });
  await targetAt(10n, [
    [2n, ONE],
    [4n, TWO],
  ]);
  faults.deaf.add(TWO);
  await write(20n, deletionOf(3n, 5n));
  expect(seen.lost).toBe(1);
  await expect(search()).rejects.toMatchObject({ key: 'collection_not_fully_loaded' });
  expect(nodes.get(TWO)?.size).toBe(1);
  // It lives: the copy that nobody reads is let go once another one serves.
  await targetAt(11n, [
    [2n, ONE],
    [4n, THREE],
  ]);
  expect(await found()).toEqual([1n, 2n]);
  expect(nodes.get(TWO)?.size).toBe(0);
});

test('a segment moves while it is read and written: no read fails, no delete is missed, and the old copy goes', async () => {
  const { targetAt, found, seen, faults, write, nodes } = readerWorld({ 2: [1n, 2n, 3n] });
  await write(20n, {});
  await targetAt(10n, [[2n, ONE]]);
  const whileMoving: bigint[][] = [];
  faults.whileLoading = async () => {
    faults.whileLoading = undefined;
    // The loop of the simulated world runs already.
    void write(21n, deletionOf(2n)).then(async () => whileMoving.push(await found()));
  };
  await targetAt(11n, [[2n, TWO]]);
  await write(30n, {});
  expect(await found()).toEqual([1n, 3n]);
  expect(whileMoving).toEqual([[1n, 3n]]);
  expect(seen.calls).toContain('deletes 2 at 11');
  expect(seen.calls.at(-1)).toBe('search 2 at 12');
  expect([nodes.get(ONE)?.size, nodes.get(TWO)?.size, seen.lost]).toEqual([0, 1, 0]);
});

test('what cannot be moved is served where it was, and the answer says so', async () => {
  const { targetAt, found, faults, write, seen } = readerWorld({ 2: [1n] });
  await write(20n, {});
  await targetAt(10n, [[2n, ONE]]);
  faults.gone.add(TWO);
  expect(await targetAt(11n, [[2n, TWO]])).toEqual([{ segmentId: 2n, nodeId: ONE }]);
  expect(await found()).toEqual([1n]);
  faults.gone.clear();
  // A coordinator that does not know yet where it is.
  expect(await targetAt(12n, [[2n, TWO]], { keepPlaces: true })).toEqual([{ segmentId: 2n, nodeId: ONE }]);
  expect(await targetAt(13n, [[2n, TWO]])).toEqual([]);
  expect([await found(), seen.lost]).toEqual([[1n], 0]);
});

test('segments are loaded some at a time, begun in their order', async () => {
  const ids = [2n, 4n, 6n, 8n, 10n, 12n];
  const { targetAt, found, seen, faults, write } = readerWorld(
    Object.fromEntries(ids.map((id) => [String(id), [id]])),
  );
  await write(20n, {});
  let loading = 0;
  let most = 0;
  faults.whileLoading = async () => {
    most = Math.max(most, ++loading);
    for (let turn = 0; turn < 50; turn++) await undefined;
    loading--;
  };
  await targetAt(
    10n,
    ids.map((id) => [id, ONE]),
  );
  expect(most).toBe(4);
  expect(seen.calls.filter((call) => call.startsWith('load'))).toEqual(ids.map((id) => `load ${id} at 11`));
  expect((await found()).sort((a, b) => Number(a - b))).toEqual(ids);
});

test('where one of several loads fails, the next target loads what is missing and nothing else', async () => {
  const { targetAt, found, seen, faults, write } = readerWorld({ 2: [1n], 4: [2n], 6: [3n] });
  await write(20n, {});
  const places = [
    [2n, ONE],
    [4n, TWO],
    [6n, THREE],
  ] as const;
  faults.gone.add(TWO);
  await expect(targetAt(10n, places)).rejects.toMatchObject({ key: 'target_outdated' });
  faults.gone.clear();
  seen.calls.length = 0;
  await targetAt(11n, places);
  expect(seen.calls).toEqual(['load 4 at 12']);
  expect(await found()).toEqual([1n, 2n, 3n]);
});

test('copies that the owner before left anywhere are let go before anything is loaded', async () => {
  const { targetAt, found, seen, write } = readerWorld({ 2: [1n], 4: [2n] });
  await write(20n, {});
  const places = [
    [2n, ONE],
    [4n, TWO],
  ] as const;
  await targetAt(10n, places, { keepPlaces: true });
  const brought = seen.calls.filter((call) => !call.startsWith('deletes'));
  expect(brought).toEqual(['release 4 at 11', 'release 2 at 12', 'load 2 at 11', 'load 4 at 12']);
  expect(await found()).toEqual([1n, 2n]);
});

test('what a node did not let go it is asked to let go again', async () => {
  const { targetAt, faults, write, nodes } = readerWorld({ 2: [1n], 4: [2n] });
  await write(20n, {});
  await targetAt(10n, [
    [2n, ONE],
    [4n, ONE],
  ]);
  faults.silent.add(ONE);
  await expect(targetAt(11n, [[2n, ONE]])).rejects.toMatchObject({ key: 'service_unavailable' });
  expect([...(nodes.get(ONE)?.keys() ?? [])]).toEqual([2n, 4n]);
  faults.silent.clear();
  await targetAt(12n, [[2n, ONE]]);
  expect([...(nodes.get(ONE)?.keys() ?? [])]).toEqual([2n]);
});

test('what a node has no room for is loaded at another one, with every delete', async () => {
  const { targetAt, found, faults, write, nodes } = readerWorld({ 2: [1n, 5n], 4: [2n] });
  await write(20n, {});
  const places = [
    [2n, ONE],
    [4n, TWO],
  ] as const;
  faults.full.add(ONE);
  faults.whileLoading = async () => {
    faults.whileLoading = undefined;
    void write(21n, deletionOf(5n));
  };
  await targetAt(10n, places);
  expect([...(nodes.get(TWO)?.keys() ?? [])].sort()).toEqual([2n, 4n]);
  expect(await found()).toEqual([1n, 2n]);
  faults.full.add(TWO);
  faults.full.add(THREE);
  await expect(targetAt(11n, [...places, [6n, THREE]])).rejects.toMatchObject({ key: 'memory_limit' });
});
