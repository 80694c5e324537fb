// What an index was really built as, in words for people: `HNSW M=16 efConstruction=200, 4-bit codes`. Written into the record of each
// index file when it is built, and gathered over segments for DescribeIndex.

import type { IndexParameter } from '#index/block/index-block.js';
import { type BuildParams, indexTypeSpec, isIndexType } from '#model/params/index-types.js';
import { sqForms } from './graph-codes.js';

/** What a block says of itself. */
export interface BuiltBlock {
  readonly indexType: string;
  readonly params: Readonly<Record<string, IndexParameter>>;
}

/**
 * @param build of a type that is built, not of AUTOINDEX: what was chosen for it
 * @param block that was built, which may be of another type or have other codes where those do not rank rows as the vectors do
 */
export function describeBuild(build: BuildParams, block?: BuiltBlock): string {
  const spec = isIndexType(build.kind) ? indexTypeSpec(build.kind).build : {};
  const values = new Map<string, unknown>(Object.entries(build));
  const params = Object.entries(spec).map(([name, { key }]) => `${key}=${values.get(name)}`);
  const place = build.kind === 'HNSW_SQ' && !build.refine ? ', codes in memory, vectors in the file' : '';
  return [build.kind, ...params].join(' ') + codesOf(build, block) + place;
}

/** What is not in the parameters, of the codes: those that the build chose, or had to take instead. */
function codesOf(build: BuildParams, block?: BuiltBlock): string {
  if (block === undefined) return '';
  const form = String(block.params.form);
  const name = codeNames.get(form);
  if (block.indexType !== build.kind)
    return `, as ${block.indexType}${name === undefined ? '' : ` by ${name}`}${BECAUSE}`;
  if (name === undefined) return '';
  if (build.kind === 'HNSW') return `, ${name}${wideNames.has(form) ? BECAUSE : ''}`;
  const isOther =
    build.kind === 'HNSW_SQ'
      ? sqForms[build.sqType] !== form
      : build.kind === 'DISKANN' && wideNames.has(form);
  return isOther ? `, ${name}${BECAUSE}` : '';
}

const BECAUSE = ': shorter codes rank these vectors wrongly';
const wideNames: ReadonlyMap<string, string> = new Map([
  ['FP16', 'float16 codes'],
  ['BF16', 'bfloat16 codes'],
  ['FP32', 'float32 codes'],
]);

/** Bytes a dim of the codes that a text of `describeBuild` names, at most. */
export function codeBytesADim(builtAs: string): number {
  return builtAs.includes('float32 codes') ? 4 : /float16 codes/.test(builtAs) ? 2 : 1;
}

const codeNames: ReadonlyMap<string, string> = new Map([
  ['SQ4', '4-bit codes'],
  ['SQ6', '6-bit codes'],
  ['SQ8', '8-bit codes'],
  ...wideNames,
]);

/** @param parts one per segment. @returns each form once, that of most rows first, with its share when there are several; '' for none. */
export function describeBuilds(
  parts: readonly { readonly builtAs: string; readonly rowCount: number }[],
): string {
  const forms = new Map<string, { segments: number; rows: number }>();
  for (const { builtAs, rowCount } of parts) {
    const form = forms.get(builtAs) ?? { segments: 0, rows: 0 };
    forms.set(builtAs, { segments: form.segments + 1, rows: form.rows + rowCount });
  }
  const sorted = [...forms].sort(([, a], [, b]) => b.rows - a.rows);
  if (sorted.length <= 1) return sorted[0]?.[0] ?? '';
  return sorted
    .map(
      ([text, { segments, rows }]) =>
        `${text} (${segments} ${segments === 1 ? 'segment' : 'segments'}, ${rows} rows)`,
    )
    .join('; ');
}

/** Description of a segment too small for an index, or whose index is not built yet. */
export const SCANNED = 'none, scanned exactly';
