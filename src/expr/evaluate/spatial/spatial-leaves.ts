// Leaves over geometries, which lie in their column as Well-Known Binary. Most rows are points: their two numbers are read where they are.
import { ElanusError, messageOf } from '#base/errors.js';
import type { VariableView } from '#expr/evaluate/column-view.js';
import { SameLeaf } from '#expr/evaluate/known-leaves.js';
import type { Leaf } from '#expr/evaluate/leaf.js';
import { lowestBit, maskNulls, type RowBits, type Rows, wordsOf } from '#expr/evaluate/rows.js';
import type { Leaf as AskedLeaf } from '#expr/typed.js';
import type { Geometry } from '#model/geometry/geometry.js';
import { decodeWkb } from '#model/geometry/wkb.js';
import { isValidJts, toJts } from './jts.js';
import { Relation } from './relation.js';
import { degreesOf, distanceInMetres, haversineMetres, type Place } from './sphere.js';

export type SpatialLeaf = AskedLeaf & { readonly kind: 'spatial' | 'near' | 'valid-geometry' };

export function makeSpatialLeaf(leaf: SpatialLeaf, view: VariableView | undefined): Leaf {
  if (view === undefined) return new SameLeaf(undefined);
  switch (leaf.kind) {
    case 'spatial':
      return new RelationLeaf(view, leaf);
    case 'near':
      return new NearLeaf(view, leaf, leaf.metres);
    case 'valid-geometry':
      return new ValidLeaf(view);
  }
}

/** Bytes of a point: the byte order, a uint32 of its kind, two doubles. */
const POINT_BYTES = 21;
const LITTLE_ENDIAN = 1;
const POINT = 1;

/** A question to the geometry of one row. */
abstract class GeometryLeaf implements Leaf {
  abstract readonly cost: number;
  abstract readonly passShare: number;
  readonly #view: VariableView;
  readonly #numbers: DataView;

  constructor(view: VariableView) {
    const { data } = view;
    this.#view = view;
    this.#numbers = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  /** @param begin of its bytes @param end of them */
  protected abstract testPoint(x: number, y: number, begin: number, end: number): boolean;
  protected abstract testBytes(begin: number, end: number): boolean;

  protected geometryAt(begin: number, end: number): Geometry {
    return decodeWkb(this.#view.data.subarray(begin, end));
  }

  evaluate({ begin, count }: Rows, alive: RowBits, isTrue: RowBits): void {
    const { offsets } = this.#view;
    for (let word = wordsOf(count) - 1; word >= 0; word--) {
      let bits = 0;
      for (let left = alive[word] as number; left !== 0; left &= left - 1) {
        const bit = lowestBit(left);
        const row = begin + word * 32 + bit;
        bits |= Number(this.#test(offsets[row] as number, offsets[row + 1] as number)) << bit;
      }
      isTrue[word] = bits;
    }
  }

  #test(begin: number, end: number): boolean {
    if (begin === end) return false;
    const numbers = this.#numbers;
    const isPoint =
      end - begin === POINT_BYTES &&
      numbers.getUint8(begin) === LITTLE_ENDIAN &&
      numbers.getUint32(begin + 1, true) === POINT;
    return isPoint
      ? this.testPoint(numbers.getFloat64(begin + 5, true), numbers.getFloat64(begin + 13, true), begin, end)
      : this.testBytes(begin, end);
  }

  maskKnown(rows: Rows, known: RowBits): void {
    maskNulls(this.#view.valid, rows, known);
  }
}

const meanBytes = ({ data, offsets }: VariableView): number => data.length / Math.max(1, offsets.length - 1);

/** What the library takes for a geometry; of a long one each position costs a microsecond or more. */
const libraryNanos = (view: VariableView): number => 30_000 + meanBytes(view) * 100;

class RelationLeaf extends GeometryLeaf {
  readonly cost: number;
  readonly costMax: number;
  readonly passShare = 0.1;
  readonly #relation: Relation;

  /** @throws invalid_parameter */
  constructor(
    view: VariableView,
    { op, geometry: other, field: { name } }: AskedLeaf & { readonly kind: 'spatial' },
  ) {
    super(view);
    const bytes = meanBytes(view);
    this.cost = 20 + bytes;
    // Points seldom lie on a side. Where many do, a run of them ends before others have waited long.
    this.costMax = bytes <= POINT_BYTES ? 5000 : libraryNanos(view);
    try {
      this.#relation = new Relation(op, other, view.data);
    } catch (cause) {
      if (cause instanceof ElanusError) throw cause;
      throw new ElanusError(
        'invalid_parameter',
        `the geometry in the filter of field ${name} cannot be made: ${messageOf(cause)}; close its rings`,
        { cause },
      );
    }
  }

  protected testPoint(x: number, y: number, begin: number, end: number): boolean {
    return this.#relation.ofPoint(x, y, begin, end);
  }

  protected testBytes(begin: number, end: number): boolean {
    return this.#relation.ofBytes(begin, end);
  }
}

class NearLeaf extends GeometryLeaf {
  readonly cost = 100;
  readonly passShare = 0.1;
  readonly #from: Place;
  readonly #metres: number;
  /** Degrees of latitude beyond which nothing is near: no way on the sphere is shorter than along a meridian. */
  readonly #degrees: number;

  constructor(view: VariableView, from: Place, metres: number) {
    super(view);
    this.#from = from;
    this.#metres = metres;
    this.#degrees = Math.abs(from.latitude) <= 90 ? degreesOf(metres) * (1 + 1e-9) + 1e-9 : Infinity;
  }

  protected testPoint(x: number, y: number): boolean {
    const { longitude, latitude } = this.#from;
    // Latitudes beyond the poles wind around the sphere.
    if (Math.abs(y - latitude) > this.#degrees && Math.abs(y) <= 90) return false;
    return haversineMetres(longitude, latitude, x, y) <= this.#metres;
  }

  protected testBytes(begin: number, end: number): boolean {
    return distanceInMetres(this.geometryAt(begin, end), this.#from) <= this.#metres;
  }
}

class ValidLeaf extends GeometryLeaf {
  readonly cost: number;

  constructor(view: VariableView) {
    super(view);
    this.cost = meanBytes(view) <= POINT_BYTES ? 5000 : libraryNanos(view);
  }

  readonly passShare = 0.9;

  protected testPoint(x: number, y: number): boolean {
    return (Number.isFinite(x) && Number.isFinite(y)) || (Number.isNaN(x) && Number.isNaN(y));
  }

  protected testBytes(begin: number, end: number): boolean {
    const geometry = this.geometryAt(begin, end);
    try {
      return isValidJts(toJts(geometry));
    } catch (error) {
      if (error instanceof ElanusError) throw error;
      // What cannot even be made, a ring that is open for one, is not valid.
      return false;
    }
  }
}
