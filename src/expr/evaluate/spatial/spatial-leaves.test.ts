import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FilterEvaluator } from '#expr/evaluate/filter-evaluator.js';
import { isBitSet } from '#expr/evaluate/rows.js';
import type { FieldRef, Predicate, SpatialOp } from '#expr/typed.js';
import type { Geometry } from '#model/geometry/geometry.js';
import { encodeWkb } from '#model/geometry/wkb.js';
import { parseWkt } from '#model/geometry/wkt.js';
import { DataType } from '#model/schema/data-type.js';
import { distanceInMetres, haversineMetres } from './sphere.js';

const field: FieldRef = {
  fieldId: 100n,
  name: 'place',
  dataType: DataType.Geometry,
  elementType: DataType.None,
  nullable: true,
};

/** Numbers of the rows that pass. */
function found(predicate: Predicate, rows: readonly (Geometry | null)[]): number[] {
  const values = rows.map((row) => (row === null ? new Uint8Array(0) : encodeWkb(row)));
  const offsets = new Uint32Array(rows.length + 1);
  for (const [row, value] of values.entries()) offsets[row + 1] = (offsets[row] as number) + value.length;
  const valid = Uint8Array.from(rows, (row) => Number(row !== null));
  const view = { kind: 'variable' as const, data: new Uint8Array(Buffer.concat(values)), offsets, valid };
  const bits = new Uint32Array(Math.ceil(rows.length / 32));
  new FilterEvaluator(predicate, { view: () => view }).evaluate(0, rows.length, bits);
  return rows.flatMap((_, row) => (isBitSet(bits, row) ? [row] : []));
}

const spatial = (op: SpatialOp, wkt: string) =>
  ({ kind: 'spatial', field, op, geometry: parseWkt(wkt) }) as const satisfies Predicate;
const rowsOf = (...texts: readonly (string | null)[]): (Geometry | null)[] =>
  texts.map((text) => (text === null ? null : parseWkt(text)));

const SQUARE = 'POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0))';
const HOLED = 'POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (3 3, 6 3, 6 6, 3 6, 3 3))';

describe('geometries in filters', () => {
  const rows = rowsOf(
    'POINT (1 1)',
    'POINT (4 2)',
    'POINT (5 5)',
    'POINT EMPTY',
    null,
    SQUARE,
    'POLYGON ((1 1, 2 1, 2 2, 1 2, 1 1))',
    'POLYGON ((2 2, 6 2, 6 6, 2 6, 2 2))',
    'LINESTRING (-1 1, 5 1)',
    'LINESTRING (4 0, 4 9)',
    'MULTIPOINT ((1 1), (9 9))',
    'POLYGON ((0 0, 0 4, 4 4, 4 0, 0 0))',
    'POLYGON ((-5 -5, 9 -5, 9 9, -5 9, -5 -5))',
    'GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (20 20, 30 30))',
  );

  it.each<[SpatialOp, number[]]>([
    ['intersects', [0, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13]],
    ['within', [0, 5, 6, 11]],
    ['contains', [5, 11, 12]],
    ['equals', [5, 11]],
    ['touches', [1, 9]],
    ['overlaps', [7]],
    ['crosses', [8, 10]],
  ])('%s', (op, passing) =>
    expect(found(spatial(op, SQUARE), rows.slice(0, 13))).toEqual(passing.filter((row) => row < 13)),
  );

  it('looks into collections', () =>
    expect(found(spatial('intersects', SQUARE), rows.slice(13))).toEqual([0]));

  it('is unknown where the field is null, so no negation finds it', () => {
    const negated: Predicate = { kind: 'not', operand: spatial('intersects', SQUARE) };
    expect(found(negated, rows.slice(0, 5))).toEqual([2, 3]);
  });

  it('knows a hole', () => {
    const points = rowsOf('POINT (1 1)', 'POINT (4 4)', 'POINT (3 4)', 'POINT (10 10)');
    expect(found(spatial('within', HOLED), points)).toEqual([0]);
    expect(found(spatial('touches', HOLED), points)).toEqual([2]);
    expect(found(spatial('intersects', HOLED), points)).toEqual([0, 2]);
  });

  it('agrees with arithmetic about points and rectangles', () => {
    const coordinate = fc.integer({ min: -5, max: 5 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(coordinate, coordinate), { minLength: 1, maxLength: 60 }),
        fc.tuple(coordinate, coordinate),
        fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
        (points, [x, y], [width, height]) => {
          const [right, top] = [x + width, y + height];
          const box = `POLYGON ((${x} ${y}, ${right} ${y}, ${right} ${top}, ${x} ${top}, ${x} ${y}))`;
          const geometries = rowsOf(...points.map(([a, b]) => `POINT (${a} ${b})`));
          const within = ([a, b]: readonly [number, number]): boolean =>
            a > x && a < right && b > y && b < top;
          const near = ([a, b]: readonly [number, number]): boolean =>
            a >= x && a <= right && b >= y && b <= top;
          const rowsWhere = (holds: (point: readonly [number, number]) => boolean): number[] =>
            points.flatMap((point, row) => (holds(point) ? [row] : []));
          expect(found(spatial('within', box), geometries)).toEqual(rowsWhere(within));
          expect(found(spatial('intersects', box), geometries)).toEqual(rowsWhere(near));
          expect(found(spatial('touches', box), geometries)).toEqual(
            rowsWhere((point) => near(point) && !within(point)),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it('measures on the sphere', () => {
    // A degree of latitude anywhere, and of longitude at the equator and at 60 degrees.
    expect(haversineMetres(0, 0, 0, 1)).toBeCloseTo(111_195, 0);
    expect(haversineMetres(7, 0, 8, 0)).toBeCloseTo(111_195, 0);
    expect(haversineMetres(179.5, 60, -179.5, 60)).toBeCloseTo(55_597, -1);
    const near = (metres: number): Predicate => ({ kind: 'near', field, longitude: 0, latitude: 0, metres });
    const places = rowsOf(
      'POINT (0 1)',
      'POINT (0 0)',
      'LINESTRING (-1 0.5, 1 0.5)',
      'POINT EMPTY',
      null,
      SQUARE,
    );
    expect(found(near(0), places)).toEqual([1, 5]);
    expect(found(near(60_000), places)).toEqual([1, 2, 5]);
    expect(found(near(111_196), places)).toEqual([0, 1, 2, 5]);
    const place = { longitude: 2, latitude: 2 };
    expect(distanceInMetres(parseWkt(SQUARE), place)).toBe(0);
    expect(distanceInMetres(parseWkt(HOLED), { longitude: 4.5, latitude: 4.5 })).toBeGreaterThan(160_000);
    expect(distanceInMetres(parseWkt('MULTIPOLYGON EMPTY'), place)).toBe(Infinity);
  });

  it('refuses a ring that is open in the filter, and takes one in a row for what is in no relation', () => {
    const open: Geometry = { kind: 'polygon', rings: [Float64Array.of(0, 0, 4, 0, 4, 4)] };
    expect(found(spatial('intersects', SQUARE), [open, parseWkt(SQUARE)])).toEqual([1]);
    expect(() => found({ ...spatial('intersects', SQUARE), geometry: open }, [])).toThrow(/close its rings/);
    expect(found({ kind: 'valid-geometry', field }, [open])).toEqual([]);
  });

  it('finds whether a geometry is valid', () => {
    const bowTie = 'POLYGON ((0 0, 4 4, 4 0, 0 4, 0 0))';
    const places = rowsOf('POINT (1 1)', SQUARE, bowTie, HOLED, null, 'LINESTRING (0 0, 1 1)');
    expect(found({ kind: 'valid-geometry', field }, places)).toEqual([0, 1, 3, 5]);
  });
});
