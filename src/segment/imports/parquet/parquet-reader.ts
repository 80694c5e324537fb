// Rows of a Parquet file that another tool wrote, row group by row group: all columns side by side, page by page, so that memory has a page
// of each column and a batch of rows, however large row groups are.
import { type FileMetaData, parquetMetadata, parquetSchema, type SchemaTree } from 'hyparquet';
import { type CellColumn, CellColumns } from '#model/rows/cell-columns.js';
import { isDenseVector } from '#model/schema/data-type.js';
import type { ReadFile } from '#platform/files.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { atRow, DamagedFile, ofFile, throwIfAborted } from '#segment/imports/file-errors.js';
import { readWhole, withFile } from '#segment/imports/open-file.js';
import type { FileGroup, Reading } from '#segment/imports/reading.js';
import { CellRows } from './cell-rows.js';
import { type Chunk, count, PageSource } from './page-source.js';
import { LeafValues } from './page-values.js';
import { VectorRows } from './vector-rows.js';

const FOOTER_BYTES_MAX = 64 << 20;
const ROWS_MAX = 2 ** 40;
/** Bytes of all columns that are read ahead. */
const WINDOW_BYTES = 32 << 20;
const COLUMN_WINDOW_BYTES = { min: 256 << 10, max: 4 << 20 } as const;

interface ColumnRows {
  take(rows: number, firstRow: number): Promise<void>;
  /** @throws Error when the column has more than the rows of its group. @param row the number of the last one */
  finish(row: number): Promise<void>;
}

type RowGroup = FileMetaData['row_groups'][number];

interface OpenParquet {
  readonly key: string;
  readonly file: ReadFile;
  readonly reading: Reading;
  readonly metadata: FileMetaData;
  readonly tree: SchemaTree;
  readonly columns: CellColumns;
  /** In the order of the columns of the file. */
  readonly targets: readonly CellColumn[];
}

export async function* readParquet(
  { keys: [key = ''] }: FileGroup,
  reading: Reading,
): AsyncGenerator<ColumnBatch, void, undefined> {
  yield* withFile(key, reading, async function* (file) {
    const open = await openParquet(key, file, reading);
    let row = 1;
    for (const group of open.metadata.row_groups) {
      const rows = count(group.num_rows, ROWS_MAX);
      // Some tools give a table without rows columns that have no pages.
      if (rows > 0) yield* groupRows(open, group, row);
      row += rows;
    }
  });
}

async function openParquet(key: string, file: ReadFile, reading: Reading): Promise<OpenParquet> {
  const metadata = await ofFile(key, () => footerOf(key, file));
  const tree = await ofFile(key, async () => parquetSchema(metadata));
  const columns = new CellColumns(reading.schema, reading.zone);
  const names = tree.children.map(({ element }) => element.name);
  const targets = atRow(key, 0, () => columns.open(names));
  return { key, file, reading, metadata, tree, columns, targets };
}

async function footerOf(key: string, file: ReadFile): Promise<FileMetaData> {
  if (file.size < 12) throw new DamagedFile(`${file.size} bytes are no Parquet file`);
  const begin = await readWhole(file, key, { begin: 0, end: 4 });
  const end = await readWhole(file, key, { begin: file.size - 8, end: file.size });
  const length = new DataView(end.buffer, end.byteOffset, 8).getUint32(0, true);
  if (String.fromCharCode(...begin) !== 'PAR1') throw new DamagedFile('it does not begin with PAR1');
  if (String.fromCharCode(...end.subarray(4)) !== 'PAR1') throw new DamagedFile('it does not end with PAR1');
  if (length > FOOTER_BYTES_MAX || length > file.size - 12)
    throw new DamagedFile(`it claims a footer of ${length} bytes`);
  const footer = await readWhole(file, key, { begin: file.size - 8 - length, end: file.size });
  return parquetMetadata(footer, { geoparquet: false });
}

async function* groupRows(
  open: OpenParquet,
  group: RowGroup,
  firstRow: number,
): AsyncGenerator<ColumnBatch, void, undefined> {
  const { columns, key, reading } = open;
  const { limits, platform, signal } = reading;
  const rows = count(group.num_rows, ROWS_MAX);
  const names = open.tree.children.map(({ element }) => element.name);
  const sources = (await ofFile(key, async () => columnRows(open, group))).map((source, at) => ({
    rows: source,
    place: `column ${JSON.stringify(names[at]?.slice(0, 200))} `,
  }));
  const rowBytes = Math.max(1, Number(group.total_byte_size) / Math.max(1, rows));
  const step = Math.max(1, Math.min(limits.batchRows, Math.floor(limits.batchBytes / rowBytes)));
  for (let begin = 0; begin < rows; begin += step) {
    const some = Math.min(step, rows - begin);
    for (const source of sources)
      await ofFile(key, () => source.rows.take(some, firstRow + begin), source.place);
    columns.endRows(some, (row, run) => atRow(key, firstRow + begin + row, run));
    yield columns.finish();
    columns.reset();
    await platform.timers.yield();
    throwIfAborted(signal);
  }
  for (const source of sources)
    await ofFile(key, () => source.rows.finish(firstRow + rows - 1), source.place);
}

/** What gives the rows of each column of the group. */
function columnRows(open: OpenParquet, group: RowGroup): ColumnRows[] {
  const { key, tree, targets } = open;
  let at = 0;
  const leafCount = group.columns.length;
  return tree.children.map((column, index): ColumnRows => {
    const target = targets[index];
    if (target === undefined) throw new DamagedFile(`column ${column.element.name} has no place`);
    const keepsBytes = target.field !== undefined && isDenseVector(target.field.dataType);
    const leafs = leafPaths([tree], column).map((path) => {
      const chunk = chunkOf(group, at++, path);
      const source = sourceOf(open, chunk, {
        leafCount,
        reusesMemory: !keepsBytes || chunk.maxRepetition > 0,
      });
      return { path, values: new LeafValues(path, keepsBytes), chunk, source };
    });
    const [leaf, ...others] = leafs;
    const type = leaf?.path.at(-1)?.element.type ?? '';
    const { field } = target;
    const numbers = numberTypes.get(type);
    if (leaf === undefined || others.length > 0 || field === undefined || numbers === undefined)
      return new CellRows({ key, target, column, leafs });
    if (!isDenseVector(field.dataType) || leaf.chunk.maxRepetition !== 1)
      return new CellRows({ key, target, column, leafs });
    const { source, values, chunk } = leaf;
    const listLevel = column.element.repetition_type === 'OPTIONAL' ? 1 : 0;
    const { maxDefinition } = chunk;
    return new VectorRows({ key, field, target, source, values, type: numbers, listLevel, maxDefinition });
  });
}

/** Types of elements whose values are numbers, by the type of the leaf. */
const numberTypes: ReadonlyMap<string, string> = new Map([
  ['FLOAT', 'f4'],
  ['DOUBLE', 'f8'],
  ['INT32', 'i4'],
  ['INT64', 'i8'],
]);

const leafPaths = (above: readonly SchemaTree[], node: SchemaTree): SchemaTree[][] =>
  node.children.length === 0
    ? [[...above, node]]
    : node.children.flatMap((child) => leafPaths([...above, node], child));

function chunkOf({ columns, num_rows }: RowGroup, at: number, path: readonly SchemaTree[]): Chunk {
  const found = columns[at];
  const about = found?.meta_data;
  if (about === undefined || found?.file_path !== undefined)
    throw new DamagedFile('a column is in another file');
  const leaf = path.at(-1);
  if (about.path_in_schema.join('.') !== leaf?.path.join('.'))
    throw new DamagedFile(`column ${about.path_in_schema.join('.')} is out of order`);
  const first = Number(about.dictionary_page_offset ?? 0n);
  const data = count(about.data_page_offset, Number.MAX_SAFE_INTEGER);
  const begin = first > 0 && first < data ? first : data;
  const below = path.slice(1).map(({ element }) => element.repetition_type);
  return {
    begin,
    end: begin + count(about.total_compressed_size, Number.MAX_SAFE_INTEGER),
    codec: about.codec,
    rows: count(num_rows, ROWS_MAX),
    maxRepetition: below.filter((type) => type === 'REPEATED').length,
    maxDefinition: below.filter((type) => type !== 'REQUIRED').length,
  };
}

function sourceOf(
  { key, file, reading }: OpenParquet,
  chunk: Chunk,
  { leafCount, reusesMemory }: { readonly leafCount: number; readonly reusesMemory: boolean },
): PageSource {
  if (chunk.end > file.size) throw new DamagedFile('a column ends after the file');
  const { min, max } = COLUMN_WINDOW_BYTES;
  const windowBytes = Math.max(min, Math.min(max, Math.floor(WINDOW_BYTES / leafCount)));
  const { decompression } = reading.platform;
  return new PageSource({
    key,
    file,
    chunk,
    windowBytes,
    decompression,
    reusesMemory,
    onRead: (bytes) => {
      reading.count.bytes += bytes;
    },
  });
}
