// Values of a filter as the protocol has them: beside the text, under a name, so that nothing that a user typed is ever read as a filter.
import { bytesView } from '#base/bytes.js';
import { ClientError } from '#client/errors.js';
import { encodeInt64s } from '#model/columns/packed-array.js';
import { encodeTexts } from '#model/text-list.js';
import type { TemplateArrayValue, TemplateValue } from '#proto/milvus/schema.js';

/** What may stand in a filter as a value. */
export type FilterValue =
  | boolean
  | number
  | bigint
  | string
  | Date
  | readonly FilterValue[]
  | BigInt64Array
  | Int32Array
  | Float64Array;

const INT64_MAX = 2n ** 63n - 1n;
const utf8 = new TextEncoder();

/** @throws InvalidRequestError for what is no value */
export function templateValueOf(value: FilterValue): TemplateValue {
  switch (typeof value) {
    case 'boolean':
      return { val: { $case: 'boolVal', value } };
    case 'bigint':
      return { val: { $case: 'int64Val', value: within64(value) } };
    case 'number':
      return Number.isSafeInteger(value)
        ? { val: { $case: 'int64Val', value: BigInt(value) } }
        : { val: { $case: 'floatVal', value } };
    case 'string':
      return { val: { $case: 'stringVal', value } };
  }
  if (value instanceof Date) return { val: { $case: 'stringVal', value: isoOf(value) } };
  if (Array.isArray(value) || ArrayBuffer.isView(value))
    return { val: { $case: 'arrayVal', value: arrayOf(value) } };
  throw ClientError.ofInput(
    `a filter has the value ${shown(value)}, expected a boolean, number, bigint, text, Date or a list of them; for null write isNull()`,
  );
}

const shown = (value: unknown): string =>
  value === null || value === undefined ? String(value) : `of type ${typeof value}`;

function within64(value: bigint): bigint {
  if (value > INT64_MAX || value < -INT64_MAX - 1n)
    throw ClientError.ofInput(`a filter has the number ${value}, expected one within 64 bits`);
  return value;
}

/** @throws InvalidRequestError for a date that is none */
export function isoOf(date: Date): string {
  if (Number.isNaN(date.getTime()))
    throw ClientError.ofInput('a Date is no valid time, expected one that is');
  return date.toISOString();
}

const int64sOf = (values: BigInt64Array): TemplateArrayValue => ({
  data: { $case: 'longData', value: { data: encodeInt64s(bytesView(values)) } },
});

const isInteger = (value: unknown): boolean => typeof value === 'bigint' || Number.isSafeInteger(value);

function arrayOf(
  values: readonly FilterValue[] | BigInt64Array | Int32Array | Float64Array,
): TemplateArrayValue {
  if (values instanceof BigInt64Array) return int64sOf(values);
  const list: readonly FilterValue[] = Array.isArray(values)
    ? values
    : Array.from(values as Int32Array | Float64Array);
  if (list.length === 0) return { data: undefined };
  if (list.every(isInteger))
    return int64sOf(BigInt64Array.from(list, (value) => within64(BigInt(value as bigint | number))));
  if (list.every((value) => typeof value === 'number'))
    return { data: { $case: 'doubleData', value: { data: bytesView(Float64Array.from(list as number[])) } } };
  if (list.every((value) => typeof value === 'string' || value instanceof Date))
    return {
      data: {
        $case: 'stringData',
        value: encodeTexts(list.map((value) => (value instanceof Date ? isoOf(value) : String(value)))),
      },
    };
  if (list.every((value) => typeof value === 'boolean'))
    return { data: { $case: 'boolData', value: { data: Uint8Array.from(list, Number) } } };
  return { data: { $case: 'jsonData', value: { data: list.map((value) => utf8.encode(jsonOf(value))) } } };
}

/** JSON of one value of a list whose values are of several kinds, or lists. */
function jsonOf(value: FilterValue): string {
  if (value === null || value === undefined)
    throw ClientError.ofInput('a list of a filter has null in it; leave it out');
  if (typeof value === 'bigint') return within64(value).toString();
  if (value instanceof Date) return JSON.stringify(isoOf(value));
  if (Array.isArray(value)) return `[${value.map((one: FilterValue) => jsonOf(one)).join(',')}]`;
  if (ArrayBuffer.isView(value))
    return `[${Array.from(value as Int32Array, (one) => String(one)).join(',')}]`;
  return JSON.stringify(value);
}
