// Rows of a column of any other type: its leafs page by page, put together to values of rows.
import type { SchemaTree } from 'hyparquet';
import { assembleLists, assembleNested } from 'hyparquet/src/assemble.js';
import type { Cell, CellColumn } from '#model/rows/cell-columns.js';
import { atRow, DamagedFile } from '#segment/imports/file-errors.js';
import type { PageSource } from './page-source.js';
import { type LeafValues, parsers } from './page-values.js';

export interface CellLeaf {
  readonly source: PageSource;
  readonly values: LeafValues;
  readonly path: readonly SchemaTree[];
}

/** Rows of one leaf. The last row of a page may go on in the next one. */
class LeafRows {
  readonly #leaf: CellLeaf;
  readonly #isFlat: boolean;
  /** A group above it may be null, so that values have a depth. */
  readonly #isInOptional: boolean;
  readonly #maxDefinition: number;
  #rows: unknown[] = [];
  #isAtEnd = false;

  constructor(leaf: CellLeaf) {
    this.#leaf = leaf;
    const types = leaf.path.slice(1).map(({ element }) => element.repetition_type);
    this.#isFlat = !types.includes('REPEATED');
    this.#isInOptional = types.slice(0, -1).includes('OPTIONAL');
    this.#maxDefinition = types.filter((type) => type !== 'REQUIRED').length;
  }

  get path(): string {
    return this.#leaf.path.at(-1)?.path.join('.') ?? '';
  }

  /** @throws Error when there are fewer */
  async take(count: number): Promise<unknown[]> {
    while (this.#rows.length - (this.#isFlat || this.#isAtEnd ? 0 : 1) < count) {
      if (this.#isAtEnd) throw new DamagedFile(`column ${this.path} ends after fewer rows than the file has`);
      await this.#nextPage();
    }
    return this.#rows.splice(0, count);
  }

  /** After the last row: nothing may be left. */
  async finish(): Promise<void> {
    while (!this.#isAtEnd && this.#rows.length === 0) await this.#nextPage();
    if (this.#rows.length > 0) throw new DamagedFile(`column ${this.path} has more rows than the file`);
  }

  async #nextPage(): Promise<void> {
    const { source, values, path } = this.#leaf;
    const page = await source.next();
    if (page === undefined) {
      this.#isAtEnd = true;
      return;
    }
    const found = values.of(source, page);
    if (page.repetition === undefined && page.definition === undefined && !this.#isInOptional) {
      for (const value of found) this.#rows.push(value);
      return;
    }
    if (page.entries === 0) return;
    if (page.repetition !== undefined && page.repetition[0] !== 0 && this.#rows.length === 0)
      throw new DamagedFile(`column ${this.path} begins within a row`);
    // A page without nulls comes without levels.
    const definition = Array.from(page.definition ?? new Uint8Array(page.entries).fill(this.#maxDefinition));
    assembleLists(this.#rows, definition, Array.from(page.repetition ?? []), found, [...path]);
  }
}

export class CellRows {
  readonly #key: string;
  readonly #target: CellColumn;
  readonly #column: SchemaTree;
  readonly #leafs: readonly LeafRows[];

  constructor(of: {
    readonly key: string;
    readonly target: CellColumn;
    readonly column: SchemaTree;
    readonly leafs: readonly CellLeaf[];
  }) {
    this.#key = of.key;
    this.#target = of.target;
    this.#column = of.column;
    this.#leafs = of.leafs.map((leaf) => new LeafRows(leaf));
  }

  async take(rows: number, firstRow: number): Promise<void> {
    const values = await this.#values(rows);
    if (values.length !== rows) throw new DamagedFile(`column ${this.#target.name} has not ${rows} rows`);
    for (let row = 0; row < rows; row++)
      atRow(this.#key, firstRow + row, () => this.#target.add(cellOf(values[row])));
  }

  async finish(): Promise<void> {
    for (const leaf of this.#leafs) await leaf.finish();
  }

  async #values(rows: number): Promise<ArrayLike<unknown>> {
    const [only, ...others] = this.#leafs;
    if (only === undefined) throw new DamagedFile(`column ${this.#target.name} has no values`);
    if (others.length === 0 && this.#column.children.length === 0) return only.take(rows);
    const found = new Map<string, unknown[]>();
    for (const leaf of this.#leafs) found.set(leaf.path, await leaf.take(rows));
    assembleNested(found, this.#column, parsers);
    return found.get(this.#column.path.join('.')) ?? [];
  }
}

/** What the reader of pages makes of values, as a cell. @throws Error for what no cell can be */
function cellOf(value: unknown): Cell {
  if (value === undefined || value === null) return null;
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return value;
    case 'object':
      if (value instanceof Uint8Array) return value;
      if (Array.isArray(value)) return value.map(cellOf);
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, cellOf(member)]));
    default:
      throw new DamagedFile(`a value is a ${typeof value}`);
  }
}
