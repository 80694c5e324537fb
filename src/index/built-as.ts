// What an index was really built as, in words for people: `HNSW M=16 efConstruction=200, 4-bit codes`. Written into the record of each
// index file when it is built, and gathered over segments for DescribeIndex.
import { type BuildParams, indexTypeSpec, isIndexType } from '#model/index-types.js';

/**
 * @param build of a type that is built, not of AUTOINDEX: what was chosen for it
 * @param form of the codes that the build chose, where it chooses
 */
export function describeBuild(build: BuildParams, form?: string): string {
  const spec = isIndexType(build.kind) ? indexTypeSpec(build.kind).build : {};
  const values = new Map<string, unknown>(Object.entries(build));
  const params = Object.entries(spec).map(([name, { key }]) => `${key}=${values.get(name)}`);
  const bits = /^SQ(\d)$/.exec(form ?? '')?.[1];
  const codes = build.kind === 'HNSW' && bits !== undefined ? `, ${bits}-bit codes` : '';
  const place = build.kind === 'HNSW_SQ' && !build.refine ? ', codes in memory, vectors in the file' : '';
  return [build.kind, ...params].join(' ') + codes + place;
}
/** @param parts one per segment. @returns each form once, that of most rows first, with its share when there are several; '' for none. */
export function describeBuilds(parts: readonly { readonly builtAs: string; readonly rowCount: number }[]): string {
  const forms = new Map<string, { segments: number; rows: number }>();
  for (const { builtAs, rowCount } of parts) {
    const form = forms.get(builtAs) ?? { segments: 0, rows: 0 };
    forms.set(builtAs, { segments: form.segments + 1, rows: form.rows + rowCount });
  }
  const sorted = [...forms].sort(([, a], [, b]) => b.rows - a.rows);
  if (sorted.length <= 1) return sorted[0]?.[0] ?? '';
  return sorted
    .map(([text, { segments, rows }]) => `${text} (${segments} ${segments === 1 ? 'segment' : 'segments'}, ${rows} rows)`)
    .join('; ');
}
/** Of a segment too small for an index, or one whose index is not built yet. */
export const SCANNED = 'none, scanned exactly';
