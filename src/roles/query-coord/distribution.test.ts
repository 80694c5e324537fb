// Where segments go, and what is remembered of it.
import { describe, expect, test } from 'vitest';
import { Distribution } from './distribution.js';
import { placeSegments } from './place-segments.js';

const segment = (id: bigint, rowCount: bigint) => ({ id, rowCount });
const nowhere = (): undefined => undefined;

describe('places', () => {
  test('one node takes all; without one nobody is named', () => {
    const segments = [segment(1n, 5n), segment(2n, 6n)];
    expect([...placeSegments(segments, { nodes: [9n], placeOf: nowhere }).places.values()]).toEqual([9n, 9n]);
    expect([...placeSegments(segments, { nodes: [], placeOf: nowhere }).places.values()]).toEqual([0n, 0n]);
  });
  test('rows are spread, the largest segments first', () => {
    const segments = [segment(1n, 10n), segment(2n, 60n), segment(3n, 50n), segment(4n, 20n)];
    const { places } = placeSegments(segments, { nodes: [8n, 9n], placeOf: nowhere });
    expect(Object.fromEntries([...places].map(([id, node]) => [String(id), node]))).toEqual({
      '2': 8n,
      '3': 9n,
      '4': 9n,
      '1': 8n,
    });
  });
  test('a segment stays while its node is there, and moves when it is not', () => {
    const segments = [segment(1n, 10n), segment(2n, 10n), segment(3n, 10n)];
    const placeOf = (id: bigint): bigint => (id === 3n ? 7n : 8n);
    const { places } = placeSegments(segments, { nodes: [8n, 9n], placeOf });
    expect([places.get(1n), places.get(2n), places.get(3n)]).toEqual([8n, 8n, 9n]);
  });
});

describe('balance', () => {
  /** Rounds until nothing moves any more. @returns the places after each */
  function rounds(segments: readonly ReturnType<typeof segment>[], nodes: readonly bigint[], at: bigint) {
    let places: ReadonlyMap<bigint, bigint> = new Map(segments.map(({ id }) => [id, at]));
    const moved: number[] = [];
    for (let isUneven = true; isUneven; ) {
      const before = places;
      const next = placeSegments(segments, { nodes, placeOf: (id) => before.get(id) });
      ({ places, isUneven } = next);
      moved.push([...places].filter(([id, node]) => before.get(id) !== node).length);
    }
    return { places, moved };
  }
  test('a node that joins gets segments, a few with each round, and then nothing moves', () => {
    const segments = Array.from({ length: 9 }, (_, at) => segment(BigInt(at), 10n));
    const { places, moved } = rounds(segments, [8n, 9n], 8n);
    expect(moved).toEqual([2, 2]);
    expect([...places.values()].filter((node) => node === 9n)).toHaveLength(4);
    const again = placeSegments(segments, { nodes: [8n, 9n], placeOf: (id) => places.get(id) });
    expect(again).toEqual({ places, isUneven: false });
  });
  test('what would not make it more even by enough stays', () => {
    expect(rounds([segment(1n, 100n)], [8n, 9n], 8n).moved).toEqual([0]);
    expect(rounds([segment(1n, 100n), segment(2n, 4n)], [8n, 9n], 8n).moved).toEqual([0]);
  });
  test('what a client moved stays where it went', () => {
    const segments = [segment(1n, 10n), segment(2n, 10n)];
    const view = { nodes: [8n, 9n], placeOf: () => 9n };
    expect([...placeSegments(segments, { ...view, isFixed: () => true }).places.values()]).toEqual([9n, 9n]);
  });
  test('of nodes with as much of the shard the one with the fewest rows at all gets what is new', () => {
    const rowsAt = (node: bigint): bigint => (node === 8n ? 100n : 20n);
    const view = { nodes: [8n, 9n], placeOf: nowhere, rowsAt };
    expect(placeSegments([segment(1n, 10n)], view).places.get(1n)).toBe(9n);
  });
});

describe('the distribution', () => {
  const target = { collectionId: 1n, vchannel: 'a', serverId: 5n };
  test('remembers the newest target, and since when a segment is where it is', () => {
    const table = new Distribution();
    table.served({
      ...target,
      version: 10n,
      segments: new Map([
        [1n, 8n],
        [2n, 8n],
      ]),
    });
    table.served({
      ...target,
      version: 20n,
      segments: new Map([
        [1n, 8n],
        [2n, 9n],
        [3n, 9n],
      ]),
    });
    expect(table.segment('a', 1n)).toEqual({ serverId: 8n, version: 10n });
    expect(table.segment('a', 2n)).toEqual({ serverId: 9n, version: 20n });
    table.served({ ...target, version: 15n, segments: new Map([[1n, 7n]]) });
    expect(table.segment('a', 1n)).toEqual({ serverId: 8n, version: 10n });
    expect(table.nodesOf('a')).toEqual([8n, 9n]);
    expect(table.channel('a')).toMatchObject({ serverId: 5n, version: 20n });
  });
  test('forgets a collection that is released', () => {
    const table = new Distribution();
    table.served({ ...target, version: 10n, segments: new Map([[1n, 8n]]) });
    table.served({ ...target, collectionId: 2n, vchannel: 'b', version: 10n, segments: new Map() });
    table.released(1n);
    expect(table.segment('a', 1n)).toBeUndefined();
    expect(table.channelsOf(1n)).toEqual([]);
    expect(table.channelsOf(2n)).toHaveLength(1);
  });
  test('counts rows of nodes over all shards, and knows what nodes that are gone had', () => {
    const table = new Distribution();
    const shard = (vchannel: string, version: bigint, segments: ReadonlyMap<bigint, bigint>) =>
      table.served({ ...target, vchannel, version, segments, rowCountOf: () => 10n });
    shard(
      'a',
      10n,
      new Map([
        [1n, 8n],
        [2n, 9n],
      ]),
    );
    shard('b', 10n, new Map([[3n, 8n]]));
    expect([table.rowsAt(8n), table.rowsAt(9n)]).toEqual([20n, 10n]);
    expect(table.stranded([{ serverId: 8n }])).toEqual([1n]);
    shard('a', 11n, new Map([[1n, 8n]]));
    expect([table.rowsAt(9n), table.stranded([{ serverId: 8n }])]).toEqual([0n, []]);
    table.released(1n);
    expect([table.rowsAt(8n), table.stranded([])]).toEqual([0n, []]);
  });
});
