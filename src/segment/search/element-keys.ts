// Hits that are elements of rows have the key of their row and their place in it. On the way to the client both are one key, a text, so that
// everything that brings hits together keeps two elements of a row apart as it keeps two rows apart.
import { columnFromInt64, columnFromStrings, keyAt, stringAt } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import type { Hits, KeyField } from './hits.js';

/** The field that no schema has. */
export const ELEMENT_KEYS: KeyField = { fieldId: -3n, dataType: DataType.VarChar };

const SIGN = 1n << 63n;
const OFFSET_LENGTH = 8;

/** Texts in the order of key and place. @param keys of the rows */
export function elementKeys(keys: Column, offsets: Uint32Array): Column {
  const texts = Array.from(offsets, (offset, at) => {
    const key = keyAt(keys, at);
    const text =
      typeof key === 'string'
        ? `${key}\0`
        : BigInt.asUintN(64, key ^ SIGN)
            .toString(16)
            .padStart(16, '0');
    return text + offset.toString(16).padStart(OFFSET_LENGTH, '0');
  });
  return columnFromStrings(ELEMENT_KEYS.fieldId, ELEMENT_KEYS.dataType, texts);
}

/** Where hits are elements, their places in their rows; else undefined. */
export function offsetsOf({ keys, rows }: Pick<Hits, 'keys' | 'rows'>): Uint32Array | undefined {
  if (keys.fieldId !== ELEMENT_KEYS.fieldId) return undefined;
  return Uint32Array.from(rows, (_, at) => Number.parseInt(stringAt(keys, at).slice(-OFFSET_LENGTH), 16));
}

/** Hits with the keys of their rows, whatever the hits are. */
export function withRowKeys<T extends Pick<Hits, 'keys' | 'rows'>>(hits: T, keyField: KeyField): T {
  const { keys } = hits;
  if (keys.fieldId !== ELEMENT_KEYS.fieldId) return hits;
  const { fieldId, dataType } = keyField;
  const texts = Array.from(hits.rows, (_, at) => stringAt(keys, at).slice(0, -OFFSET_LENGTH));
  if (dataType !== DataType.Int64)
    return {
      ...hits,
      keys: columnFromStrings(
        fieldId,
        dataType,
        texts.map((text) => text.slice(0, -1)),
      ),
    };
  const numbers = BigInt64Array.from(texts, (text) => BigInt.asIntN(64, BigInt(`0x${text}`) ^ SIGN));
  return { ...hits, keys: columnFromInt64(fieldId, numbers) };
}
