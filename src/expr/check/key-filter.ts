// Filters of nothing but primary keys: `pk in [..]`, `pk == v`, their negations. They are recognised before anything else is read, as such a list
// may be a million keys long, and its keys go into one column as they are.

import { bytesView, copyBytes } from '#base/bytes.js';
import type { Node } from '#expr/ast.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import { unpackedTexts } from '#expr/text-set.js';
import type { CheckedFilter, Predicate } from '#expr/typed.js';
import { column } from '#model/columns/column.js';
import { VariableWriter } from '#model/columns/column-values.js';
import { primaryField } from '#model/schema/field.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import type { TextSpans } from '#model/text-spans.js';
import type { Column } from '#proto/elanus/data.js';
import { type CollectionSchema, DataType, type FieldSchema } from '#proto/milvus/schema.js';
import { incompatible } from './comparison.js';
import { type Constant, constantTypeName, elementsOf, type ListConstant, stringsOf } from './constants.js';
import { readList } from './membership.js';
import { cannotCast } from './value-sets.js';
import { type CheckContext, readValue } from './values.js';

export type KeysFilter = Extract<CheckedFilter, { readonly kind: 'keys' }>;

/** Keys of one filter; as many as a plain list can have. */
const KEYS_MAX = 1_000_000;

/** Undefined: something else than keys. @throws FilterSyntaxError for keys of another type */
export function readKeys(context: CheckContext, node: Node): KeysFilter | undefined {
  const key = primaryField(context.schema);
  let inner = node;
  let negated = false;
  for (; inner.kind === 'not'; inner = inner.operand) negated = !negated;
  if (inner.kind === 'in' && isKey(key, inner.operand)) {
    const list = readList(context, inner.list);
    return keysFilter(keyColumn(key, list, inner.list.begin), negated !== inner.negated);
  }
  if (inner.kind !== 'compare' || (inner.op !== '==' && inner.op !== '!=')) return undefined;
  const other = isKey(key, inner.left) ? inner.right : isKey(key, inner.right) ? inner.left : undefined;
  const value = other === undefined ? undefined : readValue(context, other);
  if (value?.kind !== 'constant') return undefined;
  return keysFilter(oneKey(key, value.constant, inner.begin), negated !== (inner.op === '!='));
}

/** What a checked predicate says when it asks for nothing but keys, as `pk == 1 or pk == 2` does. Undefined: it asks something else. */
export function keysOfPredicate(schema: CollectionSchema, predicate: Predicate): KeysFilter | undefined {
  const leaf = predicate.kind === 'not' ? predicate.operand : predicate;
  if (leaf.kind !== 'in' || leaf.operand.kind !== 'field') return undefined;
  const key = primaryField(schema);
  if (leaf.operand.field.fieldId !== key.fieldID) return undefined;
  const { ints, texts } = leaf.values;
  const list: ListConstant =
    key.dataType === DataType.Int64
      ? { type: 'list', kind: 'ints', values: ints }
      : { type: 'list', kind: 'texts', values: [...unpackedTexts(texts)] };
  return keysFilter(keyColumn(key, list, 0), leaf !== predicate);
}

const isKey = (key: FieldSchema, node: Node): boolean =>
  node.kind === 'path' && node.name === key.name && node.steps.length === 0;

interface Keys {
  readonly keys: Column;
  readonly keyCount: number;
}
const keysFilter = ({ keys, keyCount }: Keys, negated: boolean): KeysFilter => ({
  kind: 'keys',
  keys,
  keyCount,
  negated,
});

function keyColumn(key: FieldSchema, list: ListConstant, at: number): Keys {
  if (list.values.length > KEYS_MAX) {
    throw new FilterSyntaxError(`the list has more than ${KEYS_MAX} keys; split the request`, at);
  }
  return key.dataType === DataType.Int64 ? intColumn(key, list, at) : textColumn(key, list, at);
}

function intColumn(key: FieldSchema, list: ListConstant, at: number): Keys {
  const values =
    list.kind === 'ints'
      ? list.values
      : BigInt64Array.from(elementsOf(list), (constant) => asInt(key, constant, at));
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { keys: column(key.fieldID, DataType.Int64, bytes), keyCount: values.length };
}

function asInt(key: FieldSchema, constant: Constant, at: number): bigint {
  if (constant.type === 'int') return constant.value;
  throw cannotCast(constant, dataTypeName(key.dataType), at);
}

function textColumn(key: FieldSchema, list: ListConstant, at: number): Keys {
  if (list.kind === 'texts' && 'begins' in list.values) return spansColumn(key, list.values);
  const texts =
    list.kind === 'texts'
      ? [...stringsOf(list.values)]
      : Array.from(elementsOf(list), (constant) => asText(key, constant, at));
  let length = 0;
  for (const text of texts) length += text.length;
  const writer = new VariableWriter(texts.length, length);
  for (const text of texts) writer.addText(text);
  const { data, offsets } = writer.finish();
  return { keys: column(key.fieldID, DataType.VarChar, data, offsets), keyCount: texts.length };
}

/** Texts that nobody has made strings of go from bytes to bytes. */
function spansColumn(key: FieldSchema, { length, bytes, begins, ends }: TextSpans): Keys {
  const offsets = new Uint32Array(length + 1);
  const data = new Uint8Array(bytes.length);
  let end = 0;
  for (let at = 0; at < length; at++) {
    const [from, to] = [begins[at] as number, ends[at] as number];
    copyBytes(bytes, from, to, data, end);
    end += to - from;
    offsets[at + 1] = end;
  }
  const keys = column(key.fieldID, DataType.VarChar, data.slice(0, end), bytesView(offsets));
  return { keys, keyCount: length };
}

function asText(key: FieldSchema, constant: Constant, at: number): string {
  if (constant.type === 'text') return constant.value;
  throw cannotCast(constant, dataTypeName(key.dataType), at);
}

/** An int64 key equals a float of the same value; with a fraction it equals nothing. */
function oneKey(key: FieldSchema, constant: Constant, at: number): Keys {
  const isInt = key.dataType === DataType.Int64;
  if (constant.type === 'text' ? isInt : !isInt || (constant.type !== 'int' && constant.type !== 'double')) {
    throw incompatible(dataTypeName(key.dataType), constantTypeName(constant), at);
  }
  if (constant.type !== 'double')
    return keyColumn(key, { type: 'list', kind: 'mixed', values: [constant] }, at);
  const isKeyValue =
    Number.isInteger(constant.value) && constant.value >= -(2 ** 63) && constant.value < 2 ** 63;
  const values: Constant[] = isKeyValue ? [{ type: 'int', value: BigInt(constant.value) }] : [];
  return keyColumn(key, { type: 'list', kind: 'mixed', values }, at);
}
