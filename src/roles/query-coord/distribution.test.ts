// Where segments go, and what is remembered of it.
import { describe, expect, test } from 'vitest';
import { Distribution } from './distribution.js';
import { placeSegments } from './place-segments.js';

const segment = (id: bigint, rowCount: bigint) => ({ id, rowCount });
const nowhere = (): undefined => undefined;

describe('places', () => {
  test('one node takes all; without one nobody is named', () => {
    const segments = [segment(1n, 5n), segment(2n, 6n)];
    expect([...placeSegments(segments, { nodes: [9n], placeOf: nowhere }).values()]).toEqual([9n, 9n]);
    expect([...placeSegments(segments, { nodes: [], placeOf: nowhere }).values()]).toEqual([0n, 0n]);
  });
  test('rows are spread, the largest segments first', () => {
    const segments = [segment(1n, 10n), segment(2n, 60n), segment(3n, 50n), segment(4n, 20n)];
    const places = placeSegments(segments, { nodes: [8n, 9n], placeOf: nowhere });
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
    const places = placeSegments(segments, { nodes: [8n, 9n], placeOf });
    expect([places.get(1n), places.get(2n), places.get(3n)]).toEqual([8n, 8n, 9n]);
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
});
