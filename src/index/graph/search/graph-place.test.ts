import { expect, test } from 'vitest';
import type { IndexPlacement } from '#index/block/vector-index.js';
import { graphPlaceOf } from './graph-place.js';

const memory = () => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });

const placement = (changed: Partial<IndexPlacement> = {}): IndexPlacement => ({
  indexType: 'HNSW',
  metric: 'L2',
  elementType: 'float32',
  dim: 8,
  rowCount: 4,
  params: { nodes: 4, degree: 4, form: 'SQ8', codeStride: 16, step: 1, hasRows: false },
  sections: Object.fromEntries(
    ['frame', 'codes', 'links', 'upper', 'upperOf', 'header'].map((name, at) => [
      name,
      { offset: 64 * (at + 1), bytes: 0 },
    ]),
  ),
  workOffset: 1024,
  workBytes: 512,
  ...changed,
});

test('searches of an index on a thread have one place, made once', () => {
  const [one, index] = [memory(), placement()];
  const place = graphPlaceOf(index, one, 0);
  expect(graphPlaceOf(index, one, 0)).toBe(place);
  expect(graphPlaceOf(index, memory(), 0)).not.toBe(place);
  expect(place.plainWalks).toBe(place.plainWalks);
});

test('a graph that has grown in its memory, and another thread, have their own', () => {
  const [one, index] = [memory(), placement()];
  const grown = placement({ rowCount: 5, params: { ...index.params, nodes: 5 }, workOffset: 2048 });
  expect(graphPlaceOf(index, one, 0)).toMatchObject({ at: 1024, params: { nodes: 4 } });
  expect(graphPlaceOf(grown, one, 0)).toMatchObject({ at: 2048, params: { nodes: 5 } });
  expect(graphPlaceOf(grown, one, 1)).toMatchObject({ at: 2560, params: { nodes: 5 } });
  expect(graphPlaceOf(index, one, 0)).toMatchObject({ at: 1024, params: { nodes: 4 } });
});
