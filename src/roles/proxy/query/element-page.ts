// A page of a query with an `element_filter`: limit and offset count elements, and a row is answered with those of its elements that are on
// the page.

import { gatherBatch } from '#model/columns/column.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { elementsColumn, placesAt } from '#segment/passing-elements.js';

export interface ElementPage {
  readonly rows: ColumnBatch;
  /** The places of the elements of each row. */
  readonly places: readonly Uint32Array[];
}

/** @param found rows in the order of the answer, with their elements */
export function elementPage(found: ColumnBatch, offset: number, limit: number): ElementPage {
  const column = elementsColumn(found);
  const kept: number[] = [];
  const places: Uint32Array[] = [];
  let before = 0;
  for (let row = 0; row < found.rowCount && column !== undefined && before < offset + limit; row++) {
    const all = placesAt(column, row);
    const some = all.subarray(Math.max(0, offset - before), Math.max(0, offset + limit - before));
    before += all.length;
    if (some.length === 0) continue;
    kept.push(row);
    places.push(some);
  }
  const rows = kept.length === found.rowCount ? found : gatherBatch(found, Uint32Array.from(kept));
  return { rows, places };
}
