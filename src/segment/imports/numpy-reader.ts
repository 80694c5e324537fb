// Rows of a set of NumPy files, a column each: read side by side in slices, vectors as the bytes that they are.
import { ElanusError } from '#base/errors.js';
import { numpyField } from '#model/imports/import-format.js';
import { type Cell, type CellColumn, CellColumns } from '#model/rows/cell-columns.js';
import { isDenseVector } from '#model/schema/data-type.js';
import type { ReadFile } from '#platform/files.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { atRow, fileFailed, throwIfAborted } from './file-errors.js';
import { NPY_HEADER_BYTES_MAX, type NpyHeader, parseNpyHeader } from './npy-header.js';
import { openFile, readWhole } from './open-file.js';
import type { FileGroup, Reading } from './reading.js';
import { elementsPerVector, type NumberArray, vectorBytes } from './vector-values.js';

interface NpyColumn {
  readonly key: string;
  readonly file: ReadFile;
  readonly header: NpyHeader;
  readonly column: CellColumn;
  readonly rowBytes: number;
}

export async function* readNumpy(
  { keys }: FileGroup,
  reading: Reading,
): AsyncGenerator<ColumnBatch, void, undefined> {
  const columns = new CellColumns(reading.schema, reading.zone);
  const targets = atRow(keys[0] ?? '', 0, () => columns.open(keys.map(numpyField)));
  const files: ReadFile[] = [];
  try {
    const open: NpyColumn[] = [];
    for (const [at, key] of keys.entries()) {
      const file = await openFile(key, reading);
      files.push(file);
      open.push(await openColumn(key, file, targets[at] as CellColumn));
    }
    yield* readRows(open, columns, reading);
  } finally {
    for (const file of files) await file.close();
  }
}

async function* readRows(
  open: readonly NpyColumn[],
  columns: CellColumns,
  { limits, platform, signal, count }: Reading,
): AsyncGenerator<ColumnBatch, void, undefined> {
  const rows = rowsOf(open);
  const widest = open.reduce((most, { rowBytes }) => Math.max(most, rowBytes), 1);
  const step = Math.max(1, Math.min(limits.batchRows, Math.floor(limits.batchBytes / widest)));
  for (let begin = 0; begin < rows; begin += step) {
    const some = Math.min(step, rows - begin);
    for (const from of open) {
      const at = from.header.dataBegin + begin * from.rowBytes;
      const bytes = await readWhole(from.file, from.key, { begin: at, end: at + some * from.rowBytes });
      addValues(from, bytes, begin, some);
      count.bytes += bytes.length;
    }
    columns.endRows(some, (row, run) => atRow(open[0]?.key ?? '', begin + row + 1, run));
    yield columns.finish();
    columns.reset();
    await platform.timers.yield();
    throwIfAborted(signal);
  }
}

function rowsOf(open: readonly NpyColumn[]): number {
  const [first] = open;
  const rows = first?.header.shape[0] ?? 0;
  for (const { key, header } of open)
    if (header.shape[0] !== rows)
      throw fileFailed(key, `has ${header.shape[0]} rows, expected ${rows} as ${first?.key ?? ''}`);
  return rows;
}

async function openColumn(key: string, file: ReadFile, column: CellColumn): Promise<NpyColumn> {
  const begin = await file.read(0, Math.min(file.size, NPY_HEADER_BYTES_MAX));
  const header = atFile(key, () => {
    const parsed = parseNpyHeader(begin);
    checkFits(parsed, column);
    return parsed;
  });
  const [rows = 0, length = 1] = header.shape;
  const rowBytes = length * elementBytes(header);
  const wanted = header.dataBegin + rows * rowBytes;
  if (file.size !== wanted)
    throw fileFailed(key, `has ${file.size} bytes, expected ${wanted} for ${rows} rows; write it again`);
  return { key, file, header, column, rowBytes };
}

function atFile<T>(key: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof ElanusError) throw fileFailed(key, error.message, error);
    throw error;
  }
}

const elementBytes = ({ kind, size }: NpyHeader): number => (kind === 'U' ? size * 4 : size);

function checkFits({ kind, size, shape }: NpyHeader, { name, field }: CellColumn): void {
  if (!(kind in readers) || (kind !== 'U' && kind !== 'S' && readers[kind]?.[size] === undefined))
    throw new ElanusError('import_failed', `has elements of type ${kind}${size}, which no field takes`);
  if (field === undefined || !isDenseVector(field.dataType)) {
    if (shape.length !== 1)
      throw new ElanusError('import_failed', `has ${shape.length} axes, expected one for field ${name}`);
    return;
  }
  const length = elementsPerVector(field, `${kind}${size}`);
  if (shape.length !== 2 || shape[1] !== length)
    throw new ElanusError(
      'import_failed',
      `has the shape (${shape.join(', ')}) of ${kind}${size}, expected rows of ${length} for field ${name}`,
    );
}

type MakeArray = (bytes: Uint8Array) => NumberArray;
const aligned = (bytes: Uint8Array, width: number): Uint8Array =>
  bytes.byteOffset % width === 0 ? bytes : bytes.slice();
const maker =
  <T extends NumberArray>(make: {
    readonly BYTES_PER_ELEMENT: number;
    new (buffer: ArrayBufferLike, offset: number, length: number): T;
  }): MakeArray =>
  (bytes) => {
    const at = aligned(bytes, make.BYTES_PER_ELEMENT);
    return new make(at.buffer, at.byteOffset, at.length / make.BYTES_PER_ELEMENT);
  };

/** How elements are read, by kind and bytes of the type. Halves stay bytes: only vectors have them. */
const readers: Readonly<Record<string, Readonly<Record<number, MakeArray>>>> = {
  f: { 2: maker(Uint16Array), 4: maker(Float32Array), 8: maker(Float64Array) },
  i: { 1: maker(Int8Array), 2: maker(Int16Array), 4: maker(Int32Array), 8: maker(BigInt64Array) },
  u: { 1: maker(Uint8Array), 2: maker(Uint16Array), 4: maker(Uint32Array), 8: maker(BigUint64Array) },
  b: { 1: maker(Uint8Array) },
  U: {},
  S: {},
};

function addValues({ key, header, column }: NpyColumn, bytes: Uint8Array, begin: number, rows: number): void {
  const { kind, size } = header;
  const values = readers[kind]?.[size]?.(bytes);
  if (values !== undefined && column.field !== undefined && isDenseVector(column.field.dataType)) {
    const { field } = column;
    atRow(key, begin + 1, () => column.addRows(vectorBytes(field, values, `${kind}${size}`)));
    return;
  }
  const width = elementBytes(header);
  for (let row = 0; row < rows; row++)
    atRow(key, begin + row + 1, () => {
      column.add(values === undefined ? textAt(bytes, row * width, header) : cellOf(values[row], kind));
    });
}

const cellOf = (value: number | bigint | undefined, kind: string): Cell =>
  kind === 'b' ? value !== 0 : (value ?? null);

/** Text is padded with zeros: of four bytes a character (`U`), or UTF-8 (`S`). */
function textAt(bytes: Uint8Array, begin: number, { kind, size }: NpyHeader): string {
  if (kind === 'S') {
    const text = bytes.subarray(begin, begin + size);
    const end = text.findLastIndex((byte) => byte !== 0) + 1;
    return new TextDecoder('utf-8', { fatal: true }).decode(text.subarray(0, end));
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + begin, size * 4);
  const points: number[] = [];
  for (let at = 0; at < size; at++) points.push(view.getUint32(at * 4, true));
  const length = points.findLastIndex((point) => point !== 0) + 1;
  if (points.some((point) => point > 0x10ffff))
    throw new ElanusError('import_failed', 'the text has characters that do not exist');
  let text = '';
  for (let at = 0; at < length; at += 1024)
    text += String.fromCodePoint(...points.slice(at, Math.min(length, at + 1024)));
  return text;
}
