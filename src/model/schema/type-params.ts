// The type_params of a field beside `dim` and `max_length`: hints are kept and shown, unknown keys are kept as
// Milvus keeps them. What an analyzer is made of is checked where texts are analyzed (`text/`).
import { ElanusError } from '#base/errors.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { dataTypeName, OWN_KEYS, typeParam } from './schema-view.js';

const analyzerKeys = ['analyzer_params', 'multi_analyzer_params'] as const;
const flagKeys = ['enable_analyzer', 'enable_match', 'mmap.enabled'] as const;

/** @throws invalid_parameter */
export function checkTypeParams(field: FieldSchema): void {
  const keys = new Set<string>();
  for (const { key } of field.typeParams) {
    if (keys.has(key)) refuse(`duplicated type param key ${key} of field ${field.name}`);
    keys.add(key);
    if (key.startsWith(OWN_KEYS))
      refuse(`type param ${key.slice(0, 64)} of field ${field.name} is the server's own; leave it out`);
  }
  for (const key of flagKeys) flagOf(field, key);
  checkAnalyzer(field);
}

/** Milvus's own order: a match without an analyzer is a mistake also where both are supported. */
function checkAnalyzer(field: FieldSchema): void {
  const hasMatch = flagOf(field, 'enable_match');
  const hasAnalyzer = flagOf(field, 'enable_analyzer');
  if (hasMatch && !hasAnalyzer)
    refuse(
      `field ${field.name} which has enable_match or is input of BM25 function must also enable_analyzer`,
    );
  if (!hasAnalyzer) {
    const sent = analyzerKeys.find((key) => typeParam(field, key) !== undefined);
    if (sent !== undefined)
      refuse(`${sent} of field ${field.name} needs enable_analyzer beside it; set it to true`);
    return;
  }
  if (field.dataType !== DataType.VarChar && field.dataType !== DataType.Text)
    refuse(
      `can not enable analyzer on field ${field.name} of type ${dataTypeName(field.dataType)}, only VarChar and Text have one`,
    );
}

function flagOf(field: FieldSchema, key: (typeof flagKeys)[number]): boolean {
  const text = typeParam(field, key);
  if (text === undefined) return false;
  const word = text.trim().toLowerCase();
  if (['true', '1', 't'].includes(word)) return true;
  return ['false', '0', 'f', ''].includes(word)
    ? false
    : refuse(
        `type param ${key} of field ${field.name} has the value ${text.slice(0, 64)}, expected true or false`,
      );
}

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', text);
}
