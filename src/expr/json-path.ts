// The path of an index on a JSON field, as clients write it: `doc["a"]["b"]`, `$meta["key"]`, or, of the dynamic field, `key` alone.
import { ElanusError } from '#base/errors.js';
import { parseFilter } from '#expr/parse/parser.js';
import { META_FIELD_NAME } from '#model/schema/schema-view.js';
import type { FieldSchema } from '#proto/milvus/schema.js';

/**
 * The keys and indexes from the field on; none: the whole field.
 * @param text undefined: the whole field
 * @throws invalid_parameter
 */
export function readJsonPath(field: FieldSchema, text: string | undefined): readonly string[] {
  if (text === undefined || text.trim() === '') return [];
  const fact = `cannot parse json path: ${text.slice(0, 200)}`;
  let node: ReturnType<typeof parseFilter>;
  try {
    node = parseFilter(text.trim());
  } catch (cause) {
    throw new ElanusError('invalid_parameter', `${fact}; write it as in a filter`, { cause });
  }
  if (node.kind !== 'path') throw new ElanusError('invalid_parameter', `${fact}; write it as in a filter`);
  const steps = node.steps.map((step) => {
    if (step.kind === 'key') return step.key;
    if (step.kind === 'index') return String(step.index);
    throw new ElanusError('invalid_parameter', `${fact}; put keys in quotes`);
  });
  if (node.name === field.name || (field.isDynamic && node.name === META_FIELD_NAME)) return steps;
  if (field.isDynamic) return [node.name, ...steps];
  throw new ElanusError(
    'invalid_parameter',
    `${fact}; it begins with ${node.name}, expected field ${field.name}`,
  );
}

/** As Milvus writes it in names of indexes. */
export const pointerOf = (path: readonly string[]): string => path.map((step) => `/${step}`).join('');
