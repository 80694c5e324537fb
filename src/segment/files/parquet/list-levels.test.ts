// Levels of lists: what is encoded comes back, other valid runs are taken too, and bytes of any kind give rows that fit or an error.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeListLevels,
  encodeListLevels,
  type LevelShape,
  type Levels,
  lengthened,
} from './list-levels.js';

const shapes: readonly LevelShape[] = [false, true].flatMap((isOptional) => [
  ...[1, 2, 5, 300].map((innerLength) => ({ isOptional, isList: false, innerLength })),
  { isOptional, isList: true, innerLength: 0 },
  ...[1, 3].map((innerLength) => ({ isOptional, isList: true, innerLength })),
]);
const anyShape = fc.constantFrom(...shapes);

/** Entries of each row; -1 for null. */
const anyRows = fc.array(fc.oneof(fc.constant(-1), fc.nat(3), fc.nat(400)), { minLength: 1, maxLength: 60 });

function rowsOf(shape: LevelShape, entries: readonly number[]) {
  const isNull = (count: number) => shape.isOptional && count < 0;
  return {
    rows: entries.length,
    valid: entries.some(isNull) ? Uint8Array.from(entries, (count) => (isNull(count) ? 0 : 1)) : undefined,
    counts: shape.isList ? Uint32Array.from(entries, (count) => Math.max(0, count)) : undefined,
  };
}

/** The levels one by one, from the definition of Parquet. */
function plainLevels(shape: LevelShape, entries: readonly number[]) {
  const [repetition, definition]: [number[], number[]] = [[], []];
  const base = shape.isOptional ? 1 : 0;
  const top = base + (shape.isList ? 1 : 0) + (shape.innerLength > 0 ? 1 : 0);
  for (const count of entries) {
    const isNull = shape.isOptional && count < 0;
    const lists = shape.isList ? Math.max(0, count) : 1;
    if (isNull || lists === 0) {
      repetition.push(0);
      definition.push(isNull ? 0 : base);
      continue;
    }
    for (let list = 0; list < lists; list++) {
      for (let leaf = 0; leaf < Math.max(1, shape.innerLength); leaf++) {
        repetition.push(leaf > 0 ? (shape.isList ? 2 : 1) : list > 0 ? 1 : 0);
        definition.push(top);
      }
    }
  }
  return { repetition, definition };
}

function expanded(bytes: Uint8Array): number[] {
  const levels: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    let [header, shift] = [0, 0];
    for (let byte = 128; byte >= 128; shift += 7) {
      byte = bytes[at++] as number;
      header |= (byte & 127) << shift;
    }
    expect(header & 1).toBe(0);
    levels.push(...new Array<number>(header >> 1).fill(bytes[at++] as number));
  }
  return levels;
}

/** Every level a run of its own. */
const singleRuns = (levels: readonly number[]): Uint8Array =>
  Uint8Array.from(levels.flatMap((level) => [2, level]));

describe('levels of lists', () => {
  it('are those of Parquet, and give the rows back, in runs of any length', () => {
    fc.assert(
      fc.property(anyShape, anyRows, (shape, entries) => {
        const rows = rowsOf(shape, entries);
        const levels = encodeListLevels(shape, rows);
        const plain = plainLevels(shape, entries);
        expect(expanded(levels.repetition)).toEqual(plain.repetition);
        expect(expanded(levels.definition)).toEqual(plain.definition);
        expect([levels.count, levels.absent]).toEqual([
          plain.repetition.length,
          entries.filter((count) => (shape.isOptional && count < 0) || (shape.isList && count <= 0)).length,
        ]);
        expect(decodeListLevels(shape, levels, rows.rows)).toEqual(rows);
        const single = {
          ...levels,
          repetition: singleRuns(plain.repetition),
          definition: singleRuns(plain.definition),
        };
        expect(decodeListLevels(shape, single, rows.rows)).toEqual(rows);
      }),
    );
  });

  it('of vectors take a few bytes a row', () => {
    const shape = { isOptional: false, isList: false, innerLength: 768 };
    const levels = encodeListLevels(shape, { rows: 341, valid: undefined, counts: undefined });
    expect([levels.repetition.length, levels.definition.length]).toEqual([341 * 5, 4]);
  });

  it('are made longer by splitting runs, and stay the same levels', () => {
    const longer = [0, 9, 2, 3, 4, 5, 6, 7];
    for (const isOptional of [false, true]) {
      const shape = { isOptional, isList: false, innerLength: 128 };
      const rows = {
        rows: 5,
        valid: isOptional ? Uint8Array.of(0, 1, 1, 1, 0) : undefined,
        counts: undefined,
      };
      const levels = encodeListLevels(shape, rows);
      longer.forEach((bytes, missing) => {
        const more = lengthened(levels, missing);
        expect(more.definition.length).toBe(levels.definition.length + bytes);
        expect(expanded(more.definition)).toEqual(expanded(levels.definition));
        expect(decodeListLevels(shape, more, 5)).toEqual(rows);
      });
    }
  });

  const vector = { isOptional: true, isList: false, innerLength: 4 };
  const good = encodeListLevels(vector, { rows: 3, valid: Uint8Array.of(1, 0, 1), counts: undefined });
  it.each([
    ['a row too many', good, 4],
    ['a row too few', good, 2],
    ['another count of values', { ...good, count: good.count + 1 }, 3],
    ['another count of nulls', { ...good, absent: 0 }, 3],
    ['packed bits', { ...good, definition: Uint8Array.of(3, 0b11111111, 0b1111) }, 3],
    ['a run of nothing', { ...good, definition: Uint8Array.of(...good.definition, 0, 0) }, 3],
    ['a length that never ends', { ...good, repetition: new Uint8Array(20).fill(255) }, 3],
    ['a run of billions', { ...good, definition: Uint8Array.of(254, 255, 255, 255, 15, 2) }, 3],
    ['levels that nobody has', { ...good, repetition: Uint8Array.of(2, 0, 6, 9, 2, 0, 2, 0, 6, 1) }, 3],
    ['a vector of 3', { ...good, repetition: Uint8Array.of(2, 0, 4, 1, 4, 0, 8, 1) }, 3],
  ] satisfies [string, Levels, number][])('with %s are refused', (_, levels, rows) => {
    expect(() => decodeListLevels(vector, levels, rows)).toThrow();
  });

  it('of nulls whose repetition says something else are refused', () => {
    const shape = { isOptional: true, isList: false, innerLength: 300 };
    const valid = Uint8Array.from({ length: 50 }, (_, row) => Number(row % 7 > 1));
    const levels = encodeListLevels(shape, { rows: 50, valid, counts: undefined });
    expect(decodeListLevels(shape, levels, 50).valid).toEqual(valid);
    for (let at = 0; at < levels.repetition.length; at++) {
      const repetition = levels.repetition.slice();
      repetition[at] = (repetition[at] as number) ^ 2;
      expect(() => decodeListLevels(shape, { ...levels, repetition }, 50)).toThrow();
    }
  });

  it('of any bytes give rows that fit or an error', () => {
    const bytes = fc.uint8Array({ maxLength: 30 });
    const run = fc
      .tuple(fc.integer({ min: 0, max: 40 }), fc.nat(3))
      .map(([length, level]) => [length * 2, level]);
    const runs = fc.array(run, { maxLength: 12 }).map((all) => Uint8Array.from(all.flat()));
    const some = fc.oneof(bytes, runs);
    fc.assert(
      fc.property(
        anyShape,
        some,
        some,
        fc.nat(60),
        fc.nat(60),
        fc.integer({ min: 1, max: 30 }),
        (shape, repetition, definition, count, absent, rowCount) => {
          try {
            const levels = { repetition, definition, count, absent };
            const { rows, valid, counts } = decodeListLevels(shape, levels, rowCount);
            expect(rows).toBe(rowCount);
            const present = valid?.filter((flag) => flag === 1).length ?? rowCount;
            const entries = counts?.reduce((sum, one) => sum + one, 0) ?? present;
            expect(entries * Math.max(1, shape.innerLength)).toBe(count - absent);
          } catch (error) {
            if (!(error instanceof Error) || error.name !== 'Error') throw error;
          }
        },
      ),
      { numRuns: 5000 },
    );
  });
});
