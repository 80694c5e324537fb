import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Geometry } from './geometry.js';
import { decodeWkb, encodeWkb, WkbError } from './wkb.js';
import { formatWkt, parseWkt, WktError } from './wkt.js';

const coordinate = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  .map((value) => (value === 0 ? 0 : value));
const positionsOf = (min: number): fc.Arbitrary<Float64Array> =>
  fc
    .array(fc.tuple(coordinate, coordinate), { minLength: min, maxLength: 6 })
    .map((list) => Float64Array.from(list.flat()));
const ring = positionsOf(3).map((positions) =>
  Float64Array.from([...positions, ...positions.subarray(0, 2)]),
);
const plain: fc.Arbitrary<Geometry> = fc.oneof(
  fc
    .tuple(coordinate, coordinate)
    .map(([x, y]): Geometry => ({ kind: 'point', positions: Float64Array.of(x, y) })),
  fc.constant<Geometry>({ kind: 'point', positions: new Float64Array(0) }),
  positionsOf(2).map((positions): Geometry => ({ kind: 'line', positions })),
  fc.array(ring, { maxLength: 3 }).map((rings): Geometry => ({ kind: 'polygon', rings })),
  positionsOf(0).map((positions): Geometry => ({ kind: 'multi-point', positions })),
  fc.array(positionsOf(2), { maxLength: 3 }).map((lines): Geometry => ({ kind: 'multi-line', lines })),
  fc
    .array(fc.array(ring, { maxLength: 2 }), { maxLength: 3 })
    .map((polygons): Geometry => ({ kind: 'multi-polygon', polygons })),
);
const geometries: fc.Arbitrary<Geometry> = fc.oneof(
  plain,
  fc.array(plain, { maxLength: 3 }).map((members): Geometry => ({ kind: 'collection', members })),
);

describe('a geometry', () => {
  it('comes back from its text and from its bytes', () => {
    fc.assert(
      fc.property(geometries, (geometry) => {
        expect(parseWkt(formatWkt(geometry))).toEqual(geometry);
        expect(decodeWkb(encodeWkb(geometry))).toEqual(geometry);
      }),
    );
  });

  it.each([
    ['POINT(1 2)', 'POINT (1 2)'],
    ['point (1.50 -2e3)', 'POINT (1.5 -2000)'],
    ['POINT EMPTY', 'POINT EMPTY'],
    ['LINESTRING(0 0,1 1 , 2 2)', 'LINESTRING (0 0, 1 1, 2 2)'],
    [
      'POLYGON((0 0,1 0,1 1,0 0),(.1 .1,.2 .1,.2 .2,.1 .1))',
      'POLYGON ((0 0, 1 0, 1 1, 0 0), (0.1 0.1, 0.2 0.1, 0.2 0.2, 0.1 0.1))',
    ],
    ['MULTIPOINT(1 2,3 4)', 'MULTIPOINT ((1 2), (3 4))'],
    ['GEOMETRYCOLLECTION(POINT(1 2),LINESTRING EMPTY)', 'GEOMETRYCOLLECTION (POINT (1 2), LINESTRING EMPTY)'],
  ])('%s is answered as %s', (text, wanted) => expect(formatWkt(parseWkt(text))).toBe(wanted));
});

describe('what is no geometry', () => {
  it.each([
    '',
    'POINT',
    'POINT()',
    'POINT(1)',
    'POINT(1 2 3)',
    'POINT Z (1 2 3)',
    'POINT(1 2) x',
    'POINT(1 NaN)',
    'POINT(1e999 1)',
    'LINESTRING(1 2)',
    'POLYGON((0 0,1 1,0 0))',
    'POLYGON((0 0,1 1,2 0,3 3))',
    'CIRCLE(1 2)',
    'GEOMETRYCOLLECTION('.repeat(100),
  ])('%j', (text) => expect(() => parseWkt(text)).toThrow(WktError));

  it('random bytes are refused, and fast', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decodeWkb(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WkbError);
        }
      }),
    );
    expect(() => decodeWkb(Uint8Array.of(1, 2, 0, 0, 0, 255, 255, 255, 255))).toThrow(WkbError);
  });
});
