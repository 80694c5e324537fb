// Sources of columns that keep what was found at JSON paths, as segments do, for tests that ask the same with and without.
import type { ColumnSource } from '#expr/evaluate/column-view.js';
import { PathColumn } from '#expr/evaluate/json/path-column.js';

export class KeptPaths {
  readonly #columns = new Map<string, PathColumn>();
  readonly #take: (bytes: number) => boolean;

  /** @param take whether there is memory for so many bytes more */
  constructor(take: (bytes: number) => boolean = () => true) {
    this.#take = take;
  }

  /** With memory for so many bytes. */
  static within(bytes: number): KeptPaths {
    let left = bytes;
    return new KeptPaths((asked) => {
      left -= asked;
      return left >= 0;
    });
  }

  /** The same columns, whose JSON paths are kept from one use to the next. */
  over(source: ColumnSource): ColumnSource {
    return {
      view: (fieldId) => source.view(fieldId),
      path: (fieldId, path) => {
        const key = JSON.stringify([String(fieldId), path]);
        const column = this.#columns.get(key) ?? new PathColumn(path, this.#take);
        this.#columns.set(key, column);
        return column;
      },
    };
  }
}
