// What every field of a segment is kept in. A segment holds one map of such stores; what only one kind can do is found by its `kind`.
import { ElanusError } from '#base/errors.js';
import type { Column } from '#proto/elanus/data.js';

export interface FieldStore {
  readonly fieldId: bigint;
  readonly rowCount: number;
  /** Memory that the store takes, its indexes included. */
  readonly bytes: number;
  /** The part of `bytes` that indexes take which files can bring again. */
  readonly indexBytes: number;
  /** Bit set: the row has no value; undefined: no row is known to lack one. Only vector stores keep such bits. */
  readonly nullBits: Uint8Array | undefined;
  /** Bytes that `appendMissing` takes for a row. */
  readonly missingBytes: number;

  /** Whether the rows of a batch fit the field, beyond what the schema says. @throws data_corrupt */
  check(from: Column | undefined, rows: number): void;

  /** Takes memory for so many more rows of so many bytes in all, so that appending them cannot fail. @throws memory_limit */
  reserve(rows: number, bytes: number): void;

  /** Copies the rows of a column, whose lengths were checked against `rows`. @throws memory_limit */
  append(from: Column, rows: number): void;

  /** Rows of a batch that does not have the field: its default value, or null. @throws memory_limit */
  appendMissing(rows: number): void;

  /** Copies of the rows' values, in that order. Only vectors in a file take a promise. */
  gather(rows: Uint32Array): Column | Promise<Column>;

  /** Gives the memory of indexes back that files can bring again; searches scan meanwhile. */
  dropIndexes(): void;

  /** Gives the memory back, as soon as the last read of it ends. */
  release(): void;
}

/**
 * What a read gets of a segment that was let go while it paused: its rows are served elsewhere by then, as those of a growing segment are once it
 * is in files, and its memory may be another's. Whoever asks again is answered from there.
 */
export const fieldReleased = (fieldId: bigint): ElanusError =>
  new ElanusError(
    'segment_not_found',
    `vectors of field ${fieldId} were released, expected them to be served here; search again`,
  );
