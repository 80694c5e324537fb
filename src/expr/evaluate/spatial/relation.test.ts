// What bounds and sides decide must be what the library says, and they must decide nearly everything.
import fc from 'fast-check';
import TopologyException from 'jsts/org/locationtech/jts/geom/TopologyException.js';
import RelateOp from 'jsts/org/locationtech/jts/operation/relate/RelateOp.js';
import { describe, expect, it, vi } from 'vitest';
import type { SpatialOp } from '#expr/typed.js';
import type { Geometry } from '#model/geometry/geometry.js';
import { encodeWkb } from '#model/geometry/wkb.js';
import { parseWkt } from '#model/geometry/wkt.js';
import { toJts } from './jts.js';
import { Relation } from './relation.js';

const OPS: readonly SpatialOp[] = [
  'intersects',
  'within',
  'contains',
  'equals',
  'touches',
  'overlaps',
  'crosses',
];

function byLibrary(op: SpatialOp, one: Geometry, other: Geometry): boolean {
  const [a, b] = [toJts(one), toJts(other)];
  let matrix: ReturnType<typeof RelateOp.relate>;
  try {
    matrix = RelateOp.relate(a, b);
  } catch (error) {
    // Where a bow tie crosses itself its sides have no inside: what it is asked of there is in no relation to it.
    if (error instanceof TopologyException) return false;
    throw error;
  }
  const answers: Record<SpatialOp, () => boolean> = {
    intersects: () => matrix.isIntersects(),
    within: () => matrix.isWithin(),
    contains: () => matrix.isContains(),
    equals: () => matrix.isEquals(a.getDimension(), b.getDimension()),
    touches: () => matrix.isTouches(a.getDimension(), b.getDimension()),
    overlaps: () => matrix.isOverlaps(a.getDimension(), b.getDimension()),
    crosses: () => matrix.isCrosses(a.getDimension(), b.getDimension()),
  };
  return answers[op]();
}

function related(op: SpatialOp, one: Geometry, other: Geometry): boolean {
  const bytes = encodeWkb(one);
  const relation = new Relation(op, other, bytes);
  if (one.kind !== 'point') return relation.ofBytes(0, bytes.length);
  const [x = Number.NaN, y = Number.NaN] = one.positions;
  return relation.ofPoint(x, y, 0, bytes.length);
}

/** Around a middle, each corner as far out as a number says: never crosses itself. */
function star(x: number, y: number, radii: readonly number[]): string {
  const corners = radii.map((radius, at) => {
    const angle = (at * 2 * Math.PI) / radii.length;
    return `${x + Math.round(radius * Math.cos(angle) * 4) / 4} ${y + Math.round(radius * Math.sin(angle) * 4) / 4}`;
  });
  return `(${[...corners, corners[0]].join(', ')})`;
}
const radii = (min: number, max: number) =>
  fc.array(fc.integer({ min, max }), { minLength: 5, maxLength: 12 });
const square = (x: number, y: number, side: number): string =>
  `(${x} ${y}, ${x + side} ${y}, ${x + side} ${y + side}, ${x} ${y + side}, ${x} ${y})`;

const asked = fc.oneof(
  radii(3, 8).map((all) => `POLYGON (${star(0, 0, all)})`),
  radii(5, 8).map((all) => `POLYGON (${star(0, 0, all)}, ${square(-1, -1, 2)})`),
  radii(2, 3).map((all) => `MULTIPOLYGON ((${star(-5, 0, all)}), (${star(4, 0, all)}))`),
  fc.constant('POLYGON ((0 0, 6 0, 6 6, 0 6, 0 0))'),
  fc.constant('LINESTRING (-6 -6, 0 0, 6 0, 6 6)'),
  fc.constant('MULTILINESTRING ((-6 -6, 0 0), (0 0, 6 0), (1 1, 1 1))'),
  fc.constant('POINT (2 2)'),
  fc.constant('MULTIPOINT ((0 0), (2 2))'),
  // A bow tie has no inside that all agree about: the library alone is asked.
  fc.constant('POLYGON ((-4 -4, 4 4, 4 -4, -4 4, -4 -4))'),
);
const coordinate = fc.oneof(
  fc.integer({ min: -9, max: 9 }),
  fc.integer({ min: -36, max: 36 }).map((value) => value / 4),
  fc.double({ min: -9, max: 9, noNaN: true }),
);
const position = fc.tuple(coordinate, coordinate).map(([x, y]) => `${x} ${y}`);
const row = fc.oneof(
  { weight: 3, arbitrary: position.map((one) => `POINT (${one})`) },
  fc
    .tuple(coordinate, coordinate, fc.constantFrom(0.25, 1, 3, 20))
    .map(([x, y, side]) => `POLYGON (${square(x, y, side)})`),
  fc.tuple(coordinate, coordinate, radii(1, 4)).map(([x, y, all]) => `POLYGON (${star(x, y, all)})`),
  fc
    .uniqueArray(position, { minLength: 2, maxLength: 5 })
    .map((positions) => `LINESTRING (${positions.join(', ')})`),
  fc.array(position, { minLength: 1, maxLength: 4 }).map((all) => `MULTIPOINT (${all.join(', ')})`),
  fc
    .tuple(position, position, position, position)
    .map(([a, b, c, d]) => `MULTILINESTRING ((${a}, ${b}), (${c}, ${d}))`),
  fc
    .tuple(coordinate, coordinate)
    .map(([x, y]) => `MULTIPOLYGON ((${square(x, y, 1)}), (${square(x + 4, y, 2)}))`),
);

describe('a relation that is asked of many rows', () => {
  it('is what the library says', () => {
    fc.assert(
      fc.property(asked, fc.array(row, { minLength: 8, maxLength: 8 }), (other, rows) => {
        const geometry = parseWkt(other);
        for (const text of rows) {
          const one = parseWkt(text);
          for (const op of OPS)
            expect(related(op, one, geometry), `${op}: ${text} to ${other}`).toBe(
              byLibrary(op, one, geometry),
            );
        }
      }),
      { numRuns: 25 },
    );
  });

  it('knows the corners and the middles of sides', () => {
    const other = parseWkt('POLYGON ((0 0, 3 1, 6 0, 6 6, 3 5, 0 6, 0 0), (2 2, 4 2, 4 4, 2 4, 2 2))');
    for (let x = -1; x <= 7; x += 0.5) {
      for (let y = -1; y <= 7; y += 0.5) {
        const one = parseWkt(`POINT (${x} ${y})`);
        for (const op of ['intersects', 'within', 'touches'] as const)
          expect(related(op, one, other), `${op}: ${x} ${y}`).toBe(byLibrary(op, one, other));
      }
    }
  });

  it('asks the library about next to nothing', () => {
    const spy = vi.spyOn(RelateOp, 'relate');
    const other = parseWkt(`POLYGON (${star(0, 0, new Array(2000).fill(1000))})`);
    let inside = 0;
    const count = (texts: Iterable<string>): number => {
      spy.mockClear();
      for (const text of texts) inside += Number(related('within', parseWkt(text), other));
      return spy.mock.calls.length;
    };
    const places = Array.from({ length: 2000 }, (_, at) => [
      ((at * 617) % 2003) - 1000.3,
      ((at * 271) % 1999) - 999.7,
    ]);
    expect(count(places.map(([x, y]) => `POINT (${x} ${y})`))).toBe(0);
    expect(inside).toBeGreaterThan(1400);
    const small = places.map(([x = 0, y = 0]) => `POLYGON (${square(x, y, 3)})`);
    expect(count(small)).toBeLessThan(5);
    spy.mockRestore();
  });
});
