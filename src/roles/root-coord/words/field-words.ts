// Analyzers of a schema that is made, with the words of the files that they name: what a client sent stays for those who describe the collection,
// and beside it is what texts are analyzed by.
import { typeParam, wordsKeyOf } from '#model/schema/schema-view.js';
import { type CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { parsed } from '#text/analyzer-params.js';
import { mayNameFiles, namedFiles, type WordFile, withLines } from '#text/word-files.js';
import type { FileResources } from './file-resources.js';

const KEYS = ['analyzer_params', 'multi_analyzer_params'] as const;

export interface ExpandedFields {
  readonly fields: readonly FieldSchema[];
  /** Resources whose words they have. */
  readonly resourceIds: readonly bigint[];
}

/** @throws invalid_parameter, refused */
export async function withFileWords(
  resources: FileResources,
  fields: readonly FieldSchema[],
): Promise<ExpandedFields> {
  const ids = new Set<bigint>();
  const expanded: FieldSchema[] = [];
  for (const field of fields) {
    const typeParams = [...field.typeParams];
    for (const key of KEYS) {
      const text = typeParam(field, key);
      if (text === undefined || !mayNameFiles(text)) continue;
      const { params, resourceIds } = await withWordsOfFiles(resources, text);
      for (const id of resourceIds) ids.add(id);
      typeParams.push({ key: wordsKeyOf(key), value: params });
    }
    expanded.push(
      typeParams.length === field.typeParams.length ? field : FieldSchema.create({ ...field, typeParams }),
    );
  }
  return { fields: expanded, resourceIds: [...ids] };
}

/** The parameters of an analyzer, with the words of the files that they name. @throws invalid_parameter, refused */
export async function withWordsOfFiles(
  resources: FileResources,
  text: string,
): Promise<{ readonly params: string; readonly resourceIds: readonly bigint[] }> {
  if (!mayNameFiles(text)) return { params: text, resourceIds: [] };
  const value = parsed(text);
  const local = new Map<string, readonly string[]>();
  for (const file of namedFiles(value))
    if (file.type === 'local' && !local.has(file.path))
      local.set(file.path, await resources.linesOfFile(file.path));
  const ids = new Set<bigint>();
  const linesOf = (file: WordFile): readonly string[] => {
    if (file.type === 'local') return local.get(file.path) ?? [];
    const { id, lines } = resources.linesOf(file.resource, file.file);
    ids.add(id);
    return lines;
  };
  return { params: JSON.stringify(withLines(value, linesOf)), resourceIds: [...ids] };
}

/** The schema, which knows what it uses. */
export const withResourceIds = (schema: CollectionSchema, ids: readonly bigint[]): CollectionSchema => ({
  ...schema,
  fileResourceIds: [...new Set([...schema.fileResourceIds, ...ids])],
});
