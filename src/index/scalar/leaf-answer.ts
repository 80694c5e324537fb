// What an index says of one leaf of a filter, before a row is touched.

/** Lets others have their turn. */
export interface Rests {
  readonly isDue: boolean;
  rest(): Promise<void>;
}

export interface LeafAnswer {
  /** At most so many rows. */
  readonly rowsMax: number;
  /** The rows are those for which the leaf is true; else these are among them, and each has to be looked at. */
  readonly isExact: boolean;
  /** What takes long is done here, before `addTo`; left out: nothing does. */
  prepare?(pace: Rests): Promise<void>;
  /** Sets the bits of the rows: bit (row & 31) of word (row >> 5). @throws data_corrupt */
  addTo(bits: Uint32Array): void;
}

export const NO_ROWS: LeafAnswer = { rowsMax: 0, isExact: true, addTo: () => {} };

export function addRows(bits: Uint32Array, rows: ArrayLike<number>): void {
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at] as number;
    bits[row >>> 5] = (bits[row >>> 5] as number) | (1 << (row & 31));
  }
}

/** Rows that are known already. */
export const listAnswer = (rows: ArrayLike<number>, isExact: boolean): LeafAnswer => ({
  rowsMax: rows.length,
  isExact,
  addTo: (bits) => addRows(bits, rows),
});
