// Values of filter templates, `exprParams`, by the type of what stands in the JSON. Bytes, such as a packed set, are an object with their base64,
// as JSON of protobuf has them: `{"bytesVal": "…"}`.

import { bytesFromBase64 } from '#base/base64.js';
import { encodeInt64s } from '#model/columns/packed-array.js';
import type { JsonValue } from '#model/json/exact-json.js';
import { encodeTexts } from '#model/text-list.js';
import type { TemplateArrayValue, TemplateValue } from '#proto/milvus/schema.js';
import { notJson } from '#server/rest/rest-failure.js';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

export const templateValues = (
  params: Readonly<Record<string, unknown>> = {},
): { [name: string]: TemplateValue } =>
  Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, templateValue(name, value as JsonValue)]),
  );

function templateValue(name: string, value: JsonValue): TemplateValue {
  if (typeof value === 'boolean') return { val: { $case: 'boolVal', value } };
  if (typeof value === 'string') return { val: { $case: 'stringVal', value } };
  if (isInteger(value)) return { val: { $case: 'int64Val', value: int64Of(name, value) } };
  if (typeof value === 'number') return { val: { $case: 'floatVal', value } };
  if (isList(value)) return { val: { $case: 'arrayVal', value: templateArray(name, value) } };
  if (value !== null) {
    const [member, ...others] = Object.entries(value);
    if (member?.[0] === 'bytesVal' && others.length === 0 && typeof member[1] === 'string')
      return { val: { $case: 'bytesVal', value: bytesOf(name, member[1]) } };
  }
  return notJson(
    `exprParams.${name} is ${value === null ? 'null' : 'an object'}, expected a value, a list of values, or {"bytesVal": base64}`,
  );
}

function bytesOf(name: string, text: string): Uint8Array {
  return bytesFromBase64(text) ?? notJson(`exprParams.${name}: bytesVal is no base64`);
}

const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);
const isInteger = (value: JsonValue): value is number | bigint =>
  typeof value === 'bigint' || Number.isInteger(value);

function int64Of(name: string, value: number | bigint): bigint {
  const whole = BigInt(value);
  if (whole < INT64_MIN || whole > INT64_MAX)
    notJson(`exprParams.${name} is ${whole}, which int64 cannot hold`);
  return whole;
}

/** Typed by its content; integers among other numbers are numbers like them. */
function templateArray(name: string, list: readonly JsonValue[]): TemplateArrayValue {
  if (list.every((one) => typeof one === 'boolean'))
    return { data: { $case: 'boolData', value: { data: Uint8Array.from(list, (one) => (one ? 1 : 0)) } } };
  if (list.every((one) => typeof one === 'string'))
    return { data: { $case: 'stringData', value: encodeTexts(list) } };
  if (list.every(isInteger)) {
    const values = BigInt64Array.from(list, (one) => int64Of(name, one));
    return { data: { $case: 'longData', value: { data: encodeInt64s(new Uint8Array(values.buffer)) } } };
  }
  if (list.every((one) => typeof one === 'number' || typeof one === 'bigint'))
    return {
      data: { $case: 'doubleData', value: { data: new Uint8Array(Float64Array.from(list, Number).buffer) } },
    };
  if (list.every(isList))
    return { data: { $case: 'arrayData', value: { data: list.map((one) => templateArray(name, one)) } } };
  return notJson(`exprParams.${name} has values of different types, expected one type in a list`);
}
