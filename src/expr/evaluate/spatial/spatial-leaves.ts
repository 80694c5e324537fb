// Leaves over geometries, which lie in their column as Well-Known Binary. Most rows are points, and most points lie outside of what is asked
// about: their two numbers are read where they are, and only those within its bounds are made into objects.
import type JtsGeometry from 'jsts/org/locationtech/jts/geom/Geometry.js';
import { ElanusError, messageOf } from '#base/errors.js';
import type { VariableView } from '#expr/evaluate/column-view.js';
import { SameLeaf } from '#expr/evaluate/known-leaves.js';
import type { Leaf } from '#expr/evaluate/leaf.js';
import { lowestBit, maskNulls, type RowBits, type Rows, wordsOf } from '#expr/evaluate/rows.js';
import type { Leaf as AskedLeaf, SpatialOp } from '#expr/typed.js';
import type { Geometry } from '#model/geometry/geometry.js';
import { decodeWkb } from '#model/geometry/wkb.js';
import { isValidJts, relateJts, toJts } from './jts.js';
import { distanceInMetres, haversineMetres, type Place } from './sphere.js';

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

  /** Undefined: to be asked as a geometry. */
  protected abstract testPoint(x: number, y: number): boolean | undefined;
  protected abstract test(geometry: Geometry): boolean;

  evaluate({ begin, count }: Rows, alive: RowBits, isTrue: RowBits): void {
    const { offsets } = this.#view;
    for (let word = wordsOf(count) - 1; word >= 0; word--) {
      let bits = 0;
      for (let left = alive[word] as number; left !== 0; left &= left - 1) {
        const bit = lowestBit(left);
        const row = begin + word * 32 + bit;
        bits |= Number(this.#testBytes(offsets[row] as number, offsets[row + 1] as number)) << bit;
      }
      isTrue[word] = bits;
    }
  }

  #testBytes(begin: number, end: number): boolean {
    if (begin === end) return false;
    const numbers = this.#numbers;
    const isPoint =
      end - begin === POINT_BYTES &&
      numbers.getUint8(begin) === LITTLE_ENDIAN &&
      numbers.getUint32(begin + 1, true) === POINT;
    const answer = isPoint
      ? this.testPoint(numbers.getFloat64(begin + 5, true), numbers.getFloat64(begin + 13, true))
      : undefined;
    return answer ?? this.test(decodeWkb(this.#view.data.subarray(begin, end)));
  }

  maskKnown(rows: Rows, known: RowBits): void {
    maskNulls(this.#view.valid, rows, known);
  }
}

/** Points mostly lie outside of the bounds; of others each position costs a microsecond or more. */
function relationCost({ data, offsets }: VariableView): number {
  const meanBytes = data.length / Math.max(1, offsets.length - 1);
  return meanBytes <= POINT_BYTES ? 5000 : 30_000 + meanBytes * 100;
}

class RelationLeaf extends GeometryLeaf {
  readonly cost: number;
  readonly passShare = 0.1;
  readonly #op: SpatialOp;
  readonly #other: JtsGeometry;

  /** @throws invalid_parameter */
  constructor(
    view: VariableView,
    { op, geometry: other, field: { name } }: AskedLeaf & { readonly kind: 'spatial' },
  ) {
    super(view);
    this.cost = relationCost(view);
    this.#op = op;
    try {
      this.#other = toJts(other);
    } catch (cause) {
      throw new ElanusError(
        'invalid_parameter',
        `the geometry in the filter of field ${name} cannot be made: ${messageOf(cause)}; close its rings`,
        { cause },
      );
    }
  }

  protected testPoint(x: number, y: number): boolean | undefined {
    // What is apart has none of the relations. An empty point is at NaN, and in no bounds.
    const bounds = this.#other.getEnvelopeInternal();
    const isWithin =
      x >= bounds.getMinX() && x <= bounds.getMaxX() && y >= bounds.getMinY() && y <= bounds.getMaxY();
    return isWithin ? undefined : false;
  }

  protected test(geometry: Geometry): boolean {
    try {
      return this.#isRelated(toJts(geometry));
    } catch {
      // Rows may hold what is no valid geometry, such as a ring that is open: it is in no relation to anything.
      return false;
    }
  }

  #isRelated(one: JtsGeometry): boolean {
    if (!one.getEnvelopeInternal().intersects(this.#other.getEnvelopeInternal())) return false;
    const matrix = relateJts(one, this.#other);
    const [dimension, otherDimension] = [one.getDimension(), this.#other.getDimension()];
    switch (this.#op) {
      case 'equals':
        return matrix.isEquals(dimension, otherDimension);
      case 'touches':
        return matrix.isTouches(dimension, otherDimension);
      case 'overlaps':
        return matrix.isOverlaps(dimension, otherDimension);
      case 'crosses':
        return matrix.isCrosses(dimension, otherDimension);
      case 'contains':
        return matrix.isContains();
      case 'intersects':
        return matrix.isIntersects();
      case 'within':
        return matrix.isWithin();
    }
  }
}

class NearLeaf extends GeometryLeaf {
  readonly cost = 100;
  readonly passShare = 0.1;
  readonly #from: Place;
  readonly #metres: number;

  constructor(view: VariableView, from: Place, metres: number) {
    super(view);
    this.#from = from;
    this.#metres = metres;
  }

  protected testPoint(x: number, y: number): boolean {
    return haversineMetres(this.#from.longitude, this.#from.latitude, x, y) <= this.#metres;
  }

  protected test(geometry: Geometry): boolean {
    return distanceInMetres(geometry, this.#from) <= this.#metres;
  }
}

class ValidLeaf extends GeometryLeaf {
  readonly cost: number;

  constructor(view: VariableView) {
    super(view);
    this.cost = relationCost(view);
  }

  readonly passShare = 0.9;

  protected testPoint(x: number, y: number): boolean {
    return (Number.isFinite(x) && Number.isFinite(y)) || (Number.isNaN(x) && Number.isNaN(y));
  }

  protected test(geometry: Geometry): boolean {
    try {
      return isValidJts(toJts(geometry));
    } catch {
      // What cannot even be made, a ring that is open for one, is not valid.
      return false;
    }
  }
}
