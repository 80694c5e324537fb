// What the names of files say about an import: the format of each, and which files hold one set of rows together. Pure, so that whoever
// plans an import and whoever reads its files see the same.

export type ImportKind = 'json' | 'jsonl' | 'csv' | 'parquet' | 'numpy';
export type ImportCodec = 'gzip' | 'zstd';

export interface ImportFormat {
  readonly kind: ImportKind;
  /** How the file is packed as a whole; undefined: it is not. */
  readonly codec: ImportCodec | undefined;
}

const kinds: ReadonlyMap<string, ImportKind> = new Map([
  ['json', 'json'],
  ['jsonl', 'jsonl'],
  ['ndjson', 'jsonl'],
  ['csv', 'csv'],
  ['parquet', 'parquet'],
  ['npy', 'numpy'],
]);
const codecs: ReadonlyMap<string, ImportCodec> = new Map([
  ['gz', 'gzip'],
  ['zst', 'zstd'],
]);
/** Files that are read in order, so that a stream of their bytes is enough. */
const streamed: ReadonlySet<ImportKind> = new Set(['json', 'jsonl', 'csv']);

export const FORMATS =
  '.json, .jsonl, .ndjson, .csv (also with .gz or .zst after it), .parquet or .npy' as const;

/** Undefined: no format that can be read. */
export function importFormat(path: string): ImportFormat | undefined {
  const parts = (path.split('/').at(-1) ?? '').toLowerCase().split('.');
  const codec = codecs.get(parts.at(-1) ?? '');
  const kind = kinds.get((codec === undefined ? parts.at(-1) : parts.at(-2)) ?? '');
  if (kind === undefined || parts.length < (codec === undefined ? 2 : 3)) return undefined;
  if (codec !== undefined && !streamed.has(kind)) return undefined;
  return { kind, codec };
}

/** The field whose values a NumPy file has: its name without folders and ending. */
export const numpyField = (path: string): string => (path.split('/').at(-1) ?? '').replace(/\.npy$/i, '');

/**
 * The sets of files that hold the same rows: each file for itself, but NumPy files that follow each other are one set, a column each. A set
 * ends where a column comes again.
 */
export function groupFiles(paths: readonly string[]): string[][] {
  const groups: string[][] = [];
  let columns: Set<string> | undefined;
  for (const path of paths) {
    if (importFormat(path)?.kind !== 'numpy') {
      columns = undefined;
      groups.push([path]);
    } else if (columns === undefined || columns.has(numpyField(path))) {
      columns = new Set([numpyField(path)]);
      groups.push([path]);
    } else {
      columns.add(numpyField(path));
      groups.at(-1)?.push(path);
    }
  }
  return groups;
}
