// Damaged and made-up files of scalar indexes: refused, never answered by. And candidates of grams and boxes: nothing that matches is missing.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '#base/crc32.js';
import { ElanusError } from '#base/errors.js';
import { distanceInMetres } from '#expr/evaluate/spatial/sphere.js';
import type { FieldRef, Leaf } from '#expr/typed.js';
import { columnFromBytes, columnFromStrings } from '#model/columns/column.js';
import { boundsOf, meets } from '#model/geometry/bounds.js';
import type { Geometry } from '#model/geometry/geometry.js';
import { encodeWkb } from '#model/geometry/wkb.js';
import { DataType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import { scalarBuild } from './build-scalar-index.js';
import type { ScalarIndexSpec } from './scalar-index.js';
import { decodeScalarIndexFile } from './scalar-index-file.js';

const field: FieldRef = { fieldId: 7n, name: 'f', dataType: 0, elementType: 0, nullable: true };
const texts = (values: readonly (string | null)[]): Column => columnFromStrings(7n, DataType.VarChar, values);
const places = (values: readonly (Geometry | null)[]): Column =>
  columnFromBytes(
    7n,
    DataType.Geometry,
    values.map((one) => one && encodeWkb(one)),
  );
const build = (column: Column, rowCount: number, spec: ScalarIndexSpec): Uint8Array =>
  scalarBuild({ column, elementType: 0, rowCount, spec });

function rowsOf(bytes: Uint8Array, leaf: Leaf, rowCount: number): number[] | undefined {
  const answer = decodeScalarIndexFile(bytes).answer(leaf);
  if (answer === undefined) return undefined;
  const bits = new Uint32Array(Math.ceil(rowCount / 32));
  answer.addTo(bits);
  const rows = Array.from({ length: rowCount }, (_, row) => row).filter(
    (row) => ((bits[row >>> 5] as number) >>> (row & 31)) & 1,
  );
  expect(rows.length).toBeLessThanOrEqual(answer.rowsMax);
  return rows;
}

const point = (x: number, y: number): Geometry => ({ kind: 'point', positions: Float64Array.of(x, y) });
const some: readonly (readonly [string, Uint8Array])[] = [
  ['ordered', build(texts(['b', null, 'a', 'b']), 4, { kind: 'values' })],
  [
    'grams',
    build(texts(['green', null, 'grey', 'abc']), 4, { kind: 'grams', sizes: [1, 3], path: undefined }),
  ],
  ['boxes', build(places([point(1, 2), null, point(-3, 4)]), 3, { kind: 'boxes' })],
];

const document = (value: object | null): Uint8Array | null =>
  value && new TextEncoder().encode(JSON.stringify(value));
const documents = columnFromBytes(7n, DataType.JSON, [
  document({ a: 1, b: { c: 'x', d: [1, 'y'] } }),
  null,
  document({ a: 'x', b: { c: 'y', d: [2] } }),
  document({ a: 1, b: [{ c: 'z' }], e: true }),
]);
const whole = build(documents, 4, { kind: 'paths', path: [] });

const isRefused = (bytes: Uint8Array): void => {
  try {
    decodeScalarIndexFile(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(ElanusError);
    expect((error as ElanusError).key).toBe('data_corrupt');
    return;
  }
  throw new Error('taken');
};

describe('a file of a scalar index', () => {
  it.each([...some, ['paths', whole] as const])(
    'is refused when a byte is another, or it is cut off: %s',
    (_, bytes) => {
      for (let at = 0; at < bytes.length; at += at < 400 ? 1 : 97) {
        const wrong = bytes.slice();
        wrong[at] = (wrong[at] as number) ^ 0x20;
        isRefused(wrong);
        isRefused(bytes.subarray(0, at));
      }
    },
  );

  it.each(some)('is read from any address: %s', (_, bytes) => {
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(decodeScalarIndexFile(shifted.subarray(3)).structure).toEqual(
      decodeScalarIndexFile(bytes).structure,
    );
  });

  it.each(some)('never leaves its arrays, whatever a writer summed: %s', (_, bytes) => {
    const description = new DataView(bytes.buffer).getUint32(8, true);
    const begin = 16 + Math.ceil(description / 8) * 8;
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - begin - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const wrong = bytes.slice();
        wrong[begin + at] = byte;
        const block = wrong.subarray(begin);
        const sum = crc32(block.subarray(32), crc32(block.subarray(0, 28)));
        new DataView(block.buffer, block.byteOffset).setUint32(28, sum, true);
        const leaves: Leaf[] = [
          {
            kind: 'like',
            operand: { kind: 'field', type: 'text', field },
            pattern: { kind: 'infix', text: 'gre' },
          },
          {
            kind: 'compare',
            operand: { kind: 'field', type: 'text', field },
            op: '<=',
            value: { type: 'text', value: 'b' },
          },
          { kind: 'spatial', field, op: 'intersects', geometry: point(1, 2) },
        ];
        try {
          for (const leaf of leaves) {
            const bits = new Uint32Array(1);
            decodeScalarIndexFile(wrong).answer(leaf)?.addTo(bits);
          }
        } catch (error) {
          expect((error as ElanusError).key).toBe('data_corrupt');
        }
      }),
      { numRuns: 400 },
    );
  });

  it('is refused when it says of itself what no version said', () => {
    const [, bytes] = some[0] as readonly [string, Uint8Array];
    const text = new TextDecoder().decode(bytes);
    for (const [from, to] of [
      ['"values"', '"valuez"'],
      ['"ordered"', '"orderez"'],
      ['"field":"7"', '"field":"x"'],
    ] as const) {
      const wrong = bytes.slice();
      wrong.set(new TextEncoder().encode(to), text.indexOf(from));
      const end = 16 + Math.ceil(new DataView(wrong.buffer).getUint32(8, true) / 8) * 8;
      const sum = crc32(wrong.subarray(16, end), crc32(wrong.subarray(0, 12)));
      new DataView(wrong.buffer).setUint32(12, sum, true);
      isRefused(wrong);
    }
  });
});

it('looks up sets that take milliseconds, and leaves longer ones to the columns', () => {
  const [, bytes] = some[0] as readonly [string, Uint8Array];
  const inSet = (count: number): Leaf => ({
    kind: 'in',
    operand: { kind: 'field', type: 'text', field },
    values: {
      ...{ bools: [], ints: new BigInt64Array(0), doubles: new Float64Array(0), lists: [] },
      texts: Array.from({ length: count }, (_, at) => `x${at}`).concat('b'),
    },
  });
  expect(rowsOf(bytes, inSet(1000), 4)).toEqual([0, 3]);
  expect(rowsOf(bytes, inSet(16_384), 4)).toBeUndefined();
});

describe('an index of many paths', () => {
  const at = (path: readonly string[]) => ({ kind: 'json', type: 'json', field, path }) as const;
  const is = (path: readonly string[], value: Extract<Leaf, { kind: 'compare' }>['value']): Leaf => ({
    kind: 'compare',
    operand: at(path),
    op: '==',
    value,
  });
  const text = (value: string) => ({ type: 'text', value }) as const;
  const int = (value: bigint) => ({ type: 'int', value }) as const;

  it('answers of each what an index of that path and type would', () => {
    expect(rowsOf(whole, is(['a'], int(1n)), 4)).toEqual([0, 3]);
    expect(rowsOf(whole, is(['a'], text('x')), 4)).toEqual([2]);
    expect(rowsOf(whole, is(['b', 'c'], text('y')), 4)).toEqual([2]);
    expect(rowsOf(whole, is(['e'], { type: 'bool', value: true }), 4)).toEqual([3]);
    const ones = {
      bools: [],
      ints: BigInt64Array.of(1n),
      doubles: new Float64Array(0),
      texts: [],
      lists: [],
    };
    const contains: Leaf = { kind: 'contains', operand: at(['b', 'd']), mode: 'any', values: ones };
    expect(rowsOf(whole, contains, 4)).toEqual([0]);
    // What nobody met is not said to be nowhere.
    expect(rowsOf(whole, is(['z'], int(1n)), 4)).toBeUndefined();
    expect(rowsOf(whole, is(['b'], text('y')), 4)).toBeUndefined();
  });

  it('has the paths below its own alone', () => {
    const below = build(documents, 4, { kind: 'paths', path: ['b'] });
    expect(rowsOf(below, is(['a'], int(1n)), 4)).toBeUndefined();
    expect(rowsOf(below, is(['b', 'c'], text('x')), 4)).toEqual([0]);
    const none = decodeScalarIndexFile(build(documents, 4, { kind: 'paths', path: ['z'] }));
    expect([none.rowCount, none.answer(is(['a'], int(1n)))]).toEqual([4, undefined]);
  });
});

describe('candidates', () => {
  const word = fc
    .array(fc.constantFrom('a', 'b', 'c', 'é', '😀'), { maxLength: 6 })
    .map((parts) => parts.join(''));

  it('of grams are all rows that a pattern matches', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(word), { maxLength: 60 }),
        word,
        fc.constantFrom([1], [2], [1, 3], [3]),
        (values, part, sizes) => {
          const bytes = build(texts(values), values.length, { kind: 'grams', sizes, path: undefined });
          const leaf: Leaf = {
            kind: 'like',
            operand: { kind: 'field', type: 'text', field },
            pattern: { kind: 'infix', text: part },
          };
          const rows = rowsOf(bytes, leaf, values.length);
          const isLong = new TextEncoder().encode(part).length >= (sizes[0] as number);
          expect(rows === undefined).toBe(!isLong);
          values.forEach((value, row) => {
            if (value?.includes(part) === true && rows !== undefined) expect(rows).toContain(row);
            if (value === null && rows !== undefined) expect(rows).not.toContain(row);
          });
        },
      ),
      { numRuns: 400 },
    );
  });

  const number = fc.double({ min: -180, max: 180, noNaN: true });
  const latitude = fc.double({ min: -90, max: 90, noNaN: true });
  const geometry: fc.Arbitrary<Geometry> = fc.oneof(
    fc.tuple(number, latitude).map(([x, y]) => point(x, y)),
    fc.constant<Geometry>({ kind: 'point', positions: new Float64Array(0) }),
    fc
      .tuple(number, latitude, number, latitude)
      .map(([a, b, c, d]): Geometry => ({ kind: 'line', positions: Float64Array.of(a, b, c, d) })),
  );

  it('of boxes are exactly the rows whose bounds meet', () => {
    fc.assert(
      fc.property(fc.array(fc.option(geometry), { maxLength: 60 }), geometry, (values, asked) => {
        const bytes = build(places(values), values.length, { kind: 'boxes' });
        const rows = rowsOf(
          bytes,
          { kind: 'spatial', field, op: 'intersects', geometry: asked },
          values.length,
        );
        const wanted = values.flatMap((one, row) =>
          one !== null && one.kind !== 'collection' && meets(boundsOf(one), boundsOf(asked)) ? [row] : [],
        );
        expect(rows).toEqual(wanted);
      }),
      { numRuns: 300 },
    );
  });

  it('of a distance are all rows within it, also over poles and the date line', () => {
    const metres = fc.oneof(
      fc.double({ min: 0, max: 3e5, noNaN: true }),
      fc.double({ min: 0, max: 2.1e7, noNaN: true }),
    );
    const near = fc.oneof(number, fc.constantFrom(179.9, -179.9, 180, -180, 0));
    const high = fc.oneof(latitude, fc.constantFrom(89.9, -89.9, 90, 0));
    const around = fc.tuple(
      near,
      high,
      fc.double({ min: -2, max: 2, noNaN: true }),
      fc.double({ min: -2, max: 2, noNaN: true }),
      metres,
    );
    fc.assert(
      fc.property(
        fc.array(geometry, { maxLength: 30 }),
        around,
        (others, [longitude, latitudeOf, dx, dy, within]) => {
          const close = point(
            Math.max(-180, Math.min(180, longitude + dx)),
            Math.max(-90, Math.min(90, latitudeOf + dy)),
          );
          const values = [...others, close, point(-longitude, latitudeOf)];
          const bytes = build(places(values), values.length, { kind: 'boxes' });
          const leaf: Leaf = { kind: 'near', field, longitude, latitude: latitudeOf, metres: within };
          const rows = rowsOf(bytes, leaf, values.length);
          values.forEach((one, row) => {
            if (distanceInMetres(one, { longitude, latitude: latitudeOf }) <= within)
              expect(rows).toContain(row);
          });
        },
      ),
      { numRuns: 600 },
    );
  });
});
