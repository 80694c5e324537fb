// The members of the dynamic field's objects, read from their bytes: which keys a row has, and a row with some of its keys only. Nothing is
// parsed but keys, so values go out as they came in. All bytes here were checked before: each value is a JSON object, or empty for a null.
import { ElanusError } from '#base/errors.js';
import { ownNames } from '#model/schema/struct-arrays.js';
import type { Column } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { bytesAt, column, isNull } from './column.js';
import { VariableWriter } from './column-values.js';

const utf8 = new TextDecoder();

/** Called with where the member begins, at its key's quote, where the key ends, and where the member ends. */
type Visit = (begin: number, keyEnd: number, end: number) => void;

/** Visits the members of the outermost object, in order. */
export function forEachMetaMember(object: Uint8Array, visit: Visit): void {
  let depth = 0;
  let begin = -1;
  let keyEnd = 0;
  let isKeyNext = false;
  for (let at = 0; at < object.length; at++) {
    const byte = object[at];
    if (byte === 0x22) {
      const end = stringEnd(object, at);
      if (isKeyNext) {
        begin = at;
        keyEnd = end;
        isKeyNext = false;
      }
      at = end - 1;
    } else if (byte === 0x7b || byte === 0x5b) {
      isKeyNext = ++depth === 1;
    } else if (byte === 0x7d || byte === 0x5d) {
      if (--depth === 0 && begin >= 0) visit(begin, keyEnd, at);
    } else if (byte === 0x2c && depth === 1) {
      if (begin >= 0) visit(begin, keyEnd, at);
      isKeyNext = true;
    }
  }
}

/** The place behind the closing quote. */
function stringEnd(bytes: Uint8Array, begin: number): number {
  let at = begin + 1;
  while (at < bytes.length && bytes[at] !== 0x22) at += bytes[at] === 0x5c ? 2 : 1;
  return at + 1;
}

/** What the string from quote to quote says. Most keys are plain ASCII, for which a decoder would take longer than the loop. */
export function keyText(bytes: Uint8Array, begin: number, end: number): string {
  let text = '';
  for (let at = begin + 1; at < end - 1; at++) {
    const byte = bytes[at] as number;
    if (byte === 0x5c || byte >= 0x80) return String(JSON.parse(utf8.decode(bytes.subarray(begin, end))));
    text += String.fromCharCode(byte);
  }
  return text;
}

/**
 * Refuses keys that would be lost or hide something: the name of a field, `$meta` itself, a key twice, or one that comes as a column too.
 * @param columnNames of columns that become keys of the same rows
 * @throws invalid_parameter, with the texts of Milvus where it has one
 */
export function checkMetaKeys(
  schema: CollectionSchema,
  field: FieldSchema,
  meta: Column,
  rowCount: number,
  columnNames: readonly string[],
): void {
  const fieldNames = new Set(ownNames(schema));
  const seen = new Set<string>();
  let before: CheckedObject = { bytes: new Uint8Array(0), keys: [] };
  for (let row = 0; row < rowCount; row++) {
    if (isNull(meta, row)) continue;
    const object = bytesAt(meta, row);
    // Rows of one request mostly have the same keys in the same order: what was right for the row before is right for this one.
    if (hasSameKeys(before, object)) continue;
    const keys: number[] = [];
    before = { bytes: object, keys };
    seen.clear();
    for (const name of columnNames) seen.add(name);
    forEachMetaMember(object, (begin, keyEnd) => {
      keys.push(begin, keyEnd);
      const key = keyText(object, begin, keyEnd);
      if (key === field.name) refuse(`cannot set json key to: ${key}, row number: ${row}`);
      if (fieldNames.has(key))
        refuse(`dynamic field name cannot include the static field name: ${key}, row number: ${row}`);
      if (seen.has(key))
        refuse(
          `the dynamic key ${JSON.stringify(key.slice(0, 200))} is given twice, row number: ${row}; send it once`,
        );
      seen.add(key);
    });
  }
}

/** An object that was found right, with the places of its keys: begin and end of each. */
interface CheckedObject {
  readonly bytes: Uint8Array;
  readonly keys: readonly number[];
}

/** One loop without calls for a byte, because every row of every insert with dynamic fields comes through here. */
function hasSameKeys({ bytes, keys }: CheckedObject, object: Uint8Array): boolean {
  let depth = 0;
  let next = 0;
  let isKeyNext = false;
  for (let at = 0; at < object.length; at++) {
    const byte = object[at];
    if (byte === 0x22) {
      const end = stringEnd(object, at);
      if (isKeyNext) {
        isKeyNext = false;
        const begin = keys[next++];
        const keyEnd = keys[next++];
        if (begin === undefined || keyEnd === undefined || keyEnd - begin !== end - at) return false;
        for (let step = 1; step < end - at; step++)
          if (bytes[begin + step] !== object[at + step]) return false;
      }
      at = end - 1;
    } else if (byte === 0x7b || byte === 0x5b) isKeyNext = ++depth === 1;
    else if (byte === 0x7d || byte === 0x5d) depth--;
    else if (byte === 0x2c) isKeyNext = depth === 1;
  }
  return next > 0 && next === keys.length;
}

/** The same rows with only these keys, in the order in which the rows have them. */
export function pickMetaKeys(meta: Column, rowCount: number, keys: ReadonlySet<string>): Column {
  const writer = new VariableWriter(rowCount, meta.data.length);
  for (let row = 0; row < rowCount; row++)
    writer.addBytes(isNull(meta, row) ? new Uint8Array(0) : pickMembers(bytesAt(meta, row), keys));
  const { data, offsets } = writer.finish();
  return column(meta.fieldId, meta.dataType, data, offsets, meta.valid);
}

function pickMembers(object: Uint8Array, keys: ReadonlySet<string>): Uint8Array {
  const picked = new Uint8Array(object.length + 2);
  let to = 0;
  forEachMetaMember(object, (begin, keyEnd, end) => {
    if (!keys.has(keyText(object, begin, keyEnd))) return;
    picked[to] = to === 0 ? 0x7b : 0x2c;
    to++;
    picked.set(object.subarray(begin, end), to);
    to += end - begin;
  });
  if (to === 0) picked[to++] = 0x7b;
  picked[to++] = 0x7d;
  return picked.subarray(0, to);
}

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', text);
}
