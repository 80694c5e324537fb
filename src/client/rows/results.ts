// What reads answer: columns, and rows that are made when they are looked at. An answer of ten thousand rows of which a program takes the
// first costs one row.
import type { AnyDeclaration } from '#client/schema/collection.js';
import { specOf } from '#client/schema/collection.js';
import { dataTypes } from '#client/schema/field-spec.js';
import type { FieldData, IDs } from '#proto/milvus/schema.js';
import { type Column, int64sOf, type ReadColumn, readColumn } from './columns-out.js';

/** Names of the columns, and where dynamic keys are. */
interface Table {
  readonly columns: ReadonlyMap<string, ReadColumn>;
  readonly dynamic: ReadColumn | undefined;
}

const NO_FIELDS: Table = { columns: new Map(), dynamic: undefined };

export function tableOf(declaration: AnyDeclaration, fields: readonly FieldData[], length: number): Table {
  if (fields.length === 0) return NO_FIELDS;
  const columns = new Map<string, ReadColumn>();
  let dynamic: ReadColumn | undefined;
  for (const field of fields) {
    const column = readColumn(field, specOf(declaration, field.fieldName), length);
    if (field.isDynamic) dynamic = column;
    else columns.set(field.fieldName, column);
  }
  return { columns, dynamic };
}

function rowAt({ columns, dynamic }: Table, row: number): object {
  const made: { [name: string]: unknown } = {};
  const own = dynamic?.at(row);
  if (typeof own === 'object' && own !== null) Object.assign(made, own);
  for (const [name, column] of columns) made[name] = column.at(row);
  return made;
}

/** Rows of an answer, in its order. */
export class Rows<R extends object> implements Iterable<R> {
  readonly length: number;
  readonly #table: Table;
  readonly #begin: number;

  /** @param begin the first row of the table that belongs to these rows */
  constructor(table: Table, begin: number, length: number) {
    this.#table = table;
    this.#begin = begin;
    this.length = length;
  }

  /** @param row from 0, or from the end below it; undefined beyond the ends */
  at(row: number): R | undefined {
    const place = row < 0 ? row + this.length : row;
    if (!(place >= 0 && place < this.length)) return undefined;
    return rowAt(this.#table, this.#begin + place) as R;
  }

  /** All values of a field, of these rows alone where an answer holds several queries. */
  column<Name extends keyof R & string>(name: Name): Column<R[Name]> {
    const column = this.#table.columns.get(name);
    return (column?.part(this.#begin, this.#begin + this.length) ?? EMPTY) as Column<R[Name]>;
  }

  *[Symbol.iterator](): Iterator<R> {
    for (let row = 0; row < this.length; row++) yield rowAt(this.#table, this.#begin + row) as R;
  }

  toArray(): R[] {
    return [...this];
  }
}

const EMPTY: Column = { length: 0, data: [], at: () => undefined, [Symbol.iterator]: () => [].values() };

/** A row that a search found. */
export interface Hit<R extends object, K> {
  readonly id: K;
  /** As the metric has it: COSINE and IP are larger for what is nearer, L2 smaller. */
  readonly score: number;
  readonly row: R;
  /** In a search of a struct array: which of its elements was found. */
  readonly offset: number | undefined;
  /** Where the search asked for them: by field, fragments of its text with words marked in them. */
  readonly highlights: Readonly<Record<string, readonly string[]>> | undefined;
}

export type Keys<K> = K extends bigint ? BigInt64Array : readonly string[];

interface HitParts {
  readonly table: Table;
  readonly ids: BigInt64Array | readonly string[];
  readonly scores: Float32Array;
  readonly offsets: BigInt64Array | undefined;
  /** By the place of a hit in the answer; undefined: nothing was marked. */
  readonly highlights: ((hit: number) => Readonly<Record<string, readonly string[]>>) | undefined;
  readonly begin: number;
  readonly end: number;
}

/** Hits of one query vector, the best first. */
export class Hits<R extends object, K> implements Iterable<Hit<R, K>> {
  readonly length: number;
  /** Keys in one piece. */
  readonly ids: Keys<K>;
  readonly scores: Float32Array;
  /** The fields that were asked for. */
  readonly rows: Rows<R>;
  readonly #offsets: BigInt64Array | undefined;
  readonly #highlights: HitParts['highlights'];
  readonly #begin: number;

  constructor({ table, ids, scores, offsets, highlights, begin, end }: HitParts) {
    this.length = end - begin;
    const isWhole = begin === 0 && end === ids.length;
    this.ids = (isWhole ? ids : sliceOf(ids, begin, end)) as Keys<K>;
    this.scores = isWhole ? scores : scores.subarray(begin, end);
    this.rows = new Rows(table, begin, this.length);
    this.#offsets = offsets?.subarray(begin, end);
    this.#highlights = highlights;
    this.#begin = begin;
  }

  at(place: number): Hit<R, K> | undefined {
    const at = place < 0 ? place + this.length : place;
    return at >= 0 && at < this.length ? this.#hit(at) : undefined;
  }

  *[Symbol.iterator](): Iterator<Hit<R, K>> {
    for (let at = 0; at < this.length; at++) yield this.#hit(at);
  }

  toArray(): Hit<R, K>[] {
    return [...this];
  }

  #hit(at: number): Hit<R, K> {
    const offset = this.#offsets?.[at];
    return {
      id: this.ids[at] as K,
      score: this.scores[at] as number,
      row: this.rows.at(at) as R,
      offset: offset === undefined ? undefined : Number(offset),
      highlights: this.#highlights?.(this.#begin + at),
    };
  }
}

const sliceOf = (ids: BigInt64Array | readonly string[], begin: number, end: number) =>
  ids instanceof BigInt64Array ? ids.subarray(begin, end) : ids.slice(begin, end);

/** @param keyType code of the type of keys, for an answer without any */
export function keysOf(ids: IDs | undefined, keyType: number): BigInt64Array | readonly string[] {
  const sent = ids?.idField;
  if (sent === undefined) return keyType === dataTypes.Int64 ? new BigInt64Array(0) : [];
  return sent.$case === 'intId' ? int64sOf(sent.value.data, 'ids') : sent.value.data;
}
