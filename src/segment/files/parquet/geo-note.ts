// The note `geo` of the footer, by which tools that know GeoParquet (https://geoparquet.org, version 1.1.0) take columns of Well-Known
// Binary for geometries. The coordinate system is null: ours are numbers without one.
import { DataType } from '#model/schema/data-type.js';
import type { ParquetField } from './parquet-type.js';

/** The key of the note. */
export const GEO_NOTE = 'geo';

/** Undefined: no column holds geometries. */
export function geoNote(fields: readonly Pick<ParquetField, 'name' | 'dataType'>[]): string | undefined {
  const names = fields.filter(({ dataType }) => dataType === DataType.Geometry).map(({ name }) => name);
  const [first] = names;
  if (first === undefined) return undefined;
  const column = { encoding: 'WKB', geometry_types: [], crs: null };
  return JSON.stringify({
    version: '1.1.0',
    primary_column: first,
    columns: Object.fromEntries(names.map((name) => [name, column])),
  });
}
