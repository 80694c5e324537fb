// What a partial update does to an array besides replacing it: elements added behind those that are there, or taken out wherever they are.
// Works on rows of an array column; numbers are equal when they compare equal, so NaN is equal to nothing, and -0 to 0.

import {
  arrayLength,
  checkCapacity,
  elementWidth,
  textArrayBytes,
  textElement,
} from '#model/columns/array-column.js';
import { isStringType } from '#model/schema/data-type.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';

export type ArrayOp = 'append' | 'remove';

/** @param base no bytes for an array without elements. @param row number in the request. @throws invalid_parameter beyond the capacity */
export function changedArray(
  field: FieldSchema,
  op: ArrayOp,
  { base, sent, row }: { readonly base: Uint8Array; readonly sent: Uint8Array; readonly row: number },
): Uint8Array {
  const { elementType } = field;
  if (op === 'append')
    checkCapacity(field, arrayLength(base, elementType) + arrayLength(sent, elementType), row);
  if (isStringType(elementType)) {
    const [old, given] = [textsOf(base), textsOf(sent)];
    if (op === 'append') return textArrayBytes([...old, ...given]);
    const gone = new Set(given);
    return textArrayBytes(old.filter((text) => !gone.has(text)));
  }
  if (op === 'append') return joined([base, sent]);
  const width = elementWidth(elementType) ?? 1;
  const gone = new Set(keysOf(sent, elementType, width));
  const keys = keysOf(base, elementType, width);
  return joined(
    keys.flatMap((key, at) =>
      key !== undefined && gone.has(key) ? [] : [base.subarray(at * width, (at + 1) * width)],
    ),
  );
}

const decoder = new TextDecoder();
const textsOf = (row: Uint8Array): string[] =>
  Array.from({ length: row.length === 0 ? 0 : arrayLength(row, DataType.VarChar) }, (_, at) =>
    decoder.decode(textElement(row, at)),
  );

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** By element: what it is equal by; undefined: it is equal to nothing. */
function keysOf(row: Uint8Array, elementType: number, width: number): (number | bigint | undefined)[] {
  const view = new DataView(row.buffer, row.byteOffset, row.length);
  return Array.from({ length: row.length / width }, (_, at) => {
    if (width === 8 && elementType !== DataType.Double) return view.getBigInt64(at * 8, true);
    const value =
      elementType === DataType.Double
        ? view.getFloat64(at * 8, true)
        : elementType === DataType.Float
          ? view.getFloat32(at * 4, true)
          : width === 4
            ? view.getInt32(at * 4, true)
            : width === 2
              ? view.getInt16(at * 2, true)
              : view.getInt8(at);
    return Number.isNaN(value) ? undefined : value + 0;
  });
}
