// Levels mean what they say, on data where the table for all indexes says too much: a build learns the widths, and a loaded index takes them.
import { describe, expect, test } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { nextFloat, type Random, seededRandom } from '#base/random.js';
import { decodeIndexBlock } from '#index/block/index-block.js';
import { floatsOf, nearestVector } from '#index/block/vector-floats.js';
import { decodeLevels } from '#index/graph/nodes/level-widths.js';
import { buildVectorIndex, loadVectorIndex } from '#index/vector-indexes.js';
import { column } from '#model/columns/column.js';
import { widthsOfLevel } from '#model/params/auto-level.js';
import { learnedWidth, recallOfLevel } from '#model/params/learned-levels.js';
import { DataType } from '#model/schema/data-type.js';
import { InlineWorkers } from '#platform/memory/inline-workers.js';
import { nodeTimers } from '#platform/node/node-time.js';
import { SegmentIndex } from '#segment/fields/segment-index.js';
import { VectorColumn } from '#segment/fields/vector-column.js';
import { learnLevels } from './learn-levels.js';
import { RecallCurve } from './recall-curve.js';
import { measureRecall } from './recall-sample.js';

const DIM = 48;
const ROWS = 5000;
const QUERIES = 100;
const workers = new InlineWorkers({ timers: nodeTimers });
const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - nextFloat(random))) * Math.cos(2 * Math.PI * nextFloat(random));

type Make = (random: Random, row: number) => Float32Array;
const noise: Make = (random) => Float32Array.from({ length: DIM }, () => normal(random));
/** A few tight clusters, in the order of the rows, and a tenth of the rows far apart. */
const uneven: Make = (random, row) => {
  const centre = seededRandom(Math.floor(row / 250));
  const spread = row % 10 === 3 ? 4 : 0.3;
  return Float32Array.from({ length: DIM }, () => normal(centre) + spread * normal(random));
};

const dataTypes = {
  float32: DataType.FloatVector,
  float16: DataType.Float16Vector,
  int8: DataType.Int8Vector,
} as const;
type Kind = keyof typeof dataTypes;

async function built(make: Make, rows = ROWS, learnsLevels = true, elementType: Kind = 'float32') {
  const dataType = dataTypes[elementType];
  const random = seededRandom(77);
  const all = new Float32Array(rows * DIM);
  for (let row = 0; row < rows; row++) all.set(make(random, row), row * DIM);
  const queries = Array.from({ length: QUERIES }, (_, i) =>
    bytesView(make(random, Math.floor((i * rows) / QUERIES))).slice(),
  );
  const vectors = new VectorColumn(workers, 101n, dataType, DIM, rows);
  vectors.append(column(101n, dataType, nearestVector(elementType, Float64Array.from(all))), rows);
  const build = { kind: 'HNSW', M: 16, efConstruction: 100 } as const;
  const block = await buildVectorIndex(
    workers,
    {
      build,
      metric: 'L2',
      elementType,
      dim: DIM,
      rowCount: rows,
      learnsLevels,
      threads: 1,
      seed: 1,
    },
    { region: vectors.region, place: vectors.store.place },
  );
  if (learnsLevels) await learnLevels({ workers }, vectors, block);
  const index = new SegmentIndex(workers, loadVectorIndex(workers, block, 'test'), 'key');
  const recallAt = async (ef: number, k: number): Promise<number> => {
    const curve = new RecallCurve(k, [ef]);
    const measured = { workers, vectors, index, passing: rows, paramsOf: () => ({ ef: Math.max(ef, k) }) };
    await measureRecall(curve, { queries }, measured);
    return curve.estimates()[0]?.mean ?? 0;
  };
  return { block, index, recallAt };
}

describe.each([
  ['noise of many dimensions', noise],
  ['uneven clusters in their order', uneven],
] as const)('%s', (_name, make) => {
  test('levels find what they promise', async () => {
    const { index, recallAt } = await built(make);
    const { levels } = index;
    if (levels === undefined) throw new Error('nothing was learned');
    for (const [level, k] of [
      [1, 1],
      [1, 10],
      [1, 40],
      [5, 10],
      [10, 10],
      [10, 100],
    ] as const) {
      const ef = learnedWidth(levels, level, k);
      expect(ef).toBeGreaterThanOrEqual(widthsOfLevel(level, k).ef);
      expect(await recallAt(ef, k), `level ${level}, k ${k}, ef ${ef}`).toBeGreaterThan(
        recallOfLevel(level) - 0.02,
      );
    }
  });
});

test('the table for all indexes finds less where all neighbours are nearly as far', async () => {
  const { recallAt, index } = await built(noise, ROWS, false);
  expect(index.levels).toBeUndefined();
  expect(await recallAt(widthsOfLevel(1, 10).ef, 10)).toBeLessThan(0.88);
});

/** Values that all kinds of elements have exactly, and sums of three of them. */
const whole: Make = (random, row) => noise(random, row).map((value) => Math.round(value * 12));

test('elements of every kind learn the same of the same rows', async () => {
  const { index } = await built(whole, 1000);
  expect(index.levels?.widths[0]?.[4]).toBeGreaterThan(0);
  for (const kind of ['float16', 'int8'] as const)
    expect((await built(whole, 1000, true, kind)).index.levels, kind).toEqual(index.levels);
});

test.each(['float16', 'bfloat16', 'int8'] as const)('%s: what is beyond the largest is that', (type) => {
  const near = (...values: number[]): number[] => [
    ...floatsOf(type, values.length, nearestVector(type, Float64Array.from(values))),
  ];
  expect(near(-3, 0, 100)).toEqual([-3, 0, 100]);
  const [least = 0, most = 0] = near(-1e39, 1e39);
  expect(near(least * 2, least, most, most * 2)).toEqual([least, least, most, most]);
  expect(near(1.3)[0]).toBeCloseTo(type === 'int8' ? 1 : 1.3, 2);
  expect(Number.isFinite(most)).toBe(true);
});

test('few rows teach nothing, and a block without the section has no levels', async () => {
  const few = await built(uneven, 900);
  expect(few.index.levels).toBeUndefined();
  expect(decodeIndexBlock(few.block).sections.get('levels')).toEqual(new Uint8Array(96));
  const without = await built(uneven, 900, false);
  expect(decodeLevels(decodeIndexBlock(without.block))).toBeUndefined();
});
