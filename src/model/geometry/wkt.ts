// Geometries as text: Well-Known Text of OGC Simple Features, two dimensions. Reading is one pass whose depth and size are bounded by
// the length of the text; writing gives the form Milvus answers with: the kind in capitals, one space, shortest numbers.
import type { Geometry, Positions, Rings } from './geometry.js';

/** Collections inside collections. */
export const GEOMETRY_DEPTH_MAX = 32;

/** What is wrong with a text, and where. */
export class WktError extends Error {
  /** Characters before the place. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const NUMBER = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const WORD = /[A-Za-z]+/y;

/** @throws WktError */
export function parseWkt(text: string): Geometry {
  const reader = new WktReader(text);
  const geometry = reader.geometry(0);
  reader.end();
  return geometry;
}

class WktReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  geometry(depth: number): Geometry {
    const begin = this.#skip();
    if (depth > GEOMETRY_DEPTH_MAX)
      throw new WktError(`collections are nested deeper than ${GEOMETRY_DEPTH_MAX} levels`, begin);
    const kind = this.#word();
    switch (kind) {
      case 'POINT':
        return { kind: 'point', positions: this.#isEmpty() ? new Float64Array(0) : this.#onePosition() };
      case 'LINESTRING':
        return { kind: 'line', positions: this.#isEmpty() ? new Float64Array(0) : this.#line() };
      case 'POLYGON':
        return { kind: 'polygon', rings: this.#isEmpty() ? [] : this.#rings() };
      case 'MULTIPOINT':
        return { kind: 'multi-point', positions: this.#isEmpty() ? new Float64Array(0) : this.#points() };
      case 'MULTILINESTRING':
        return {
          kind: 'multi-line',
          lines: this.#isEmpty()
            ? []
            : this.#list(() => (this.#isEmpty() ? new Float64Array(0) : this.#line())),
        };
      case 'MULTIPOLYGON':
        return {
          kind: 'multi-polygon',
          polygons: this.#isEmpty() ? [] : this.#list(() => (this.#isEmpty() ? [] : this.#rings())),
        };
      case 'GEOMETRYCOLLECTION':
        return {
          kind: 'collection',
          members: this.#isEmpty() ? [] : this.#list(() => this.geometry(depth + 1)),
        };
      default:
        throw new WktError(
          `'${kind.slice(0, 32)}' is no kind of geometry, expected POINT, LINESTRING, POLYGON, MULTIPOINT, MULTILINESTRING, MULTIPOLYGON or GEOMETRYCOLLECTION`,
          begin,
        );
    }
  }

  end(): void {
    const at = this.#skip();
    if (at < this.#text.length) throw new WktError('there is text behind the geometry', at);
  }

  #skip(): number {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'x')) this.#at++;
    return this.#at;
  }

  #word(): string {
    WORD.lastIndex = this.#skip();
    const found = WORD.exec(this.#text);
    if (found === null) throw new WktError('a word was expected', this.#at);
    this.#at = WORD.lastIndex;
    return found[0].toUpperCase();
  }

  #isEmpty(): boolean {
    WORD.lastIndex = this.#skip();
    const word = WORD.exec(this.#text)?.[0].toUpperCase();
    if (word === undefined) return false;
    if (word !== 'EMPTY')
      throw new WktError(
        `'${word.slice(0, 32)}' was not expected: geometries have two dimensions, write '(' or EMPTY`,
        this.#at,
      );
    this.#at = WORD.lastIndex;
    return true;
  }

  #take(sign: string): void {
    if (this.#text[this.#skip()] !== sign) throw new WktError(`'${sign}' was expected`, this.#at);
    this.#at++;
  }

  #isNext(sign: string): boolean {
    return this.#text[this.#skip()] === sign;
  }

  #list<T>(item: () => T): T[] {
    this.#take('(');
    const items = [item()];
    while (this.#isNext(',')) {
      this.#at++;
      items.push(item());
    }
    this.#take(')');
    return items;
  }

  #number(): number {
    NUMBER.lastIndex = this.#skip();
    const found = NUMBER.exec(this.#text);
    const value = found === null ? Number.NaN : Number(found[0]);
    if (!Number.isFinite(value)) throw new WktError('a finite number was expected', this.#at);
    this.#at = NUMBER.lastIndex;
    return value;
  }

  #onePosition(): Positions {
    this.#take('(');
    const position = Float64Array.of(this.#number(), this.#number());
    this.#take(')');
    return position;
  }

  #line(): Positions {
    const begin = this.#skip();
    const positions = this.#list(() => [this.#number(), this.#number()]);
    if (positions.length < 2) throw new WktError('a line has at least two positions', begin);
    return Float64Array.from(positions.flat());
  }

  #rings(): Rings {
    return this.#list(() => {
      const begin = this.#skip();
      const ring = this.#line();
      const last = ring.length - 2;
      if (ring.length < 8 || ring[0] !== ring[last] || ring[1] !== ring[last + 1])
        throw new WktError('a ring has at least four positions, and the last is the first', begin);
      return ring;
    });
  }

  /** Both `(1 2, 3 4)` and `((1 2), (3 4))` are written. */
  #points(): Positions {
    const positions = this.#list(() => {
      const isWrapped = this.#isNext('(');
      if (isWrapped) this.#at++;
      const position = [this.#number(), this.#number()];
      if (isWrapped) this.#take(')');
      return position;
    });
    return Float64Array.from(positions.flat());
  }
}

const list = (items: readonly string[]): string => (items.length === 0 ? 'EMPTY' : `(${items.join(', ')})`);

function positionTexts(positions: Positions): string[] {
  const texts: string[] = [];
  for (let at = 0; at < positions.length; at += 2) texts.push(`${positions[at]} ${positions[at + 1]}`);
  return texts;
}

const ringsText = (rings: Rings): string => list(rings.map((ring) => list(positionTexts(ring))));

/** A text that `parseWkt` reads as the same geometry. */
export function formatWkt(geometry: Geometry): string {
  switch (geometry.kind) {
    case 'point':
      return textOf('POINT', positionTexts(geometry.positions));
    case 'line':
      return textOf('LINESTRING', positionTexts(geometry.positions));
    case 'polygon':
      return textOf(
        'POLYGON',
        geometry.rings.map((ring) => list(positionTexts(ring))),
      );
    case 'multi-point':
      return textOf(
        'MULTIPOINT',
        positionTexts(geometry.positions).map((text) => `(${text})`),
      );
    case 'multi-line':
      return textOf(
        'MULTILINESTRING',
        geometry.lines.map((line) => list(positionTexts(line))),
      );
    case 'multi-polygon':
      return textOf('MULTIPOLYGON', geometry.polygons.map(ringsText));
    case 'collection':
      return textOf('GEOMETRYCOLLECTION', geometry.members.map(formatWkt));
  }
}

const textOf = (kind: string, items: readonly string[]): string => `${kind} ${list(items)}`;
