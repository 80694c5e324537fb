// Values of template variables, `{name}` in a filter, as constants. Long lists of integers and texts stay packed.
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import { TEXTS_MAX } from '#expr/typed.js';
import { decodeBools, decodeInt64s } from '#model/columns/packed-array.js';
import { textSpans, textsIn } from '#model/text-spans.js';
import type { TemplateArrayValue, TemplateValue } from '#proto/milvus/schema.js';
import { type Constant, intConstant, type ListConstant } from './constants.js';

export type Templates = Readonly<Record<string, TemplateValue>>;

/** Lists inside lists of a template, and inside JSON in it. */
const DEPTH_MAX = 32;
const WHAT = 'expression template';

/** @throws FilterSyntaxError when there is no such variable; invalid_parameter for damaged values */
export function templateConstant(templates: Templates, name: string, at: number): Constant {
  const value = Object.hasOwn(templates, name) ? templates[name]?.val : undefined;
  if (value === undefined) {
    throw new FilterSyntaxError(`the value of expression template variable name {${name}} is not found`, at);
  }
  switch (value.$case) {
    case 'boolVal':
      return { type: 'bool', value: value.value };
    case 'int64Val':
      return { type: 'int', value: value.value };
    case 'floatVal':
      return { type: 'double', value: value.value };
    case 'stringVal':
      return { type: 'text', value: value.value };
    case 'arrayVal':
      return listConstant(value.value, at, 0);
    case 'bytesVal':
      throw new FilterSyntaxError(
        `the value of expression template variable {${name}} is bytes, expected a plain value or a list`,
        at,
      );
  }
}

/** A value that only functions take. @throws FilterSyntaxError when there is no such variable, or it is no bytes */
export function templateBytes(templates: Templates, name: string, at: number): Uint8Array {
  const value = Object.hasOwn(templates, name) ? templates[name]?.val : undefined;
  if (value?.$case === 'bytesVal') return value.value;
  throw new FilterSyntaxError(
    value === undefined
      ? `the value of expression template variable name {${name}} is not found`
      : `the value of expression template variable {${name}} is no bytes, which is what is expected here`,
    at,
  );
}

function listConstant({ data }: TemplateArrayValue, at: number, depth: number): ListConstant {
  if (depth > DEPTH_MAX) throw tooDeep(at);
  switch (data?.$case) {
    case undefined:
      return mixed([]);
    case 'longData':
      return {
        type: 'list',
        kind: 'ints',
        values: new BigInt64Array(decodeInt64s(data.value.data, WHAT).buffer),
      };
    case 'stringData': {
      const spans = textSpans(data.value);
      return { type: 'list', kind: 'texts', values: spans.length > TEXTS_MAX ? spans : [...textsIn(spans)] };
    }
    case 'boolData':
      return mixed(
        Array.from(decodeBools(data.value.data, WHAT), (flag) => ({ type: 'bool', value: flag === 1 })),
      );
    case 'doubleData':
      return mixed(doubles(data.value.data));
    case 'arrayData':
      return mixed(data.value.data.map((inner) => listConstant(inner, at, depth + 1)));
    case 'jsonData':
      return mixed(data.value.data.map((bytes) => jsonConstant(bytes, at)));
  }
}

const mixed = (values: readonly Constant[]): ListConstant => ({ type: 'list', kind: 'mixed', values });

function doubles(packed: Uint8Array): Constant[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  return Array.from({ length: packed.length >>> 3 }, (_, row) => ({
    type: 'double',
    value: view.getFloat64(row * 8, true),
  }));
}

const tooDeep = (at: number): FilterSyntaxError =>
  new FilterSyntaxError(`the lists of a template are nested deeper than ${DEPTH_MAX} levels`, at);

const utf8 = new TextDecoder('utf-8', { fatal: true });
const INTEGER = /^-?\d+$/;

/** A JSON text: a plain value, or lists of them. Whole numbers keep all 64 bits. */
function jsonConstant(bytes: Uint8Array, at: number): Constant {
  try {
    const text = utf8.decode(bytes).trim();
    if (INTEGER.test(text) && text.length < 32) return intConstant(BigInt(text), at);
    return jsonValue(JSON.parse(text), at, 0);
  } catch (cause) {
    if (cause instanceof FilterSyntaxError) throw cause;
    throw new FilterSyntaxError('a value of an expression template is no JSON text', at);
  }
}

function jsonValue(value: unknown, at: number, depth: number): Constant {
  if (depth > DEPTH_MAX) throw tooDeep(at);
  if (typeof value === 'boolean') return { type: 'bool', value };
  if (typeof value === 'string') return { type: 'text', value };
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? { type: 'int', value: BigInt(value) } : { type: 'double', value };
  }
  if (Array.isArray(value)) return mixed(value.map((inner) => jsonValue(inner, at, depth + 1)));
  throw new FilterSyntaxError(
    'a value of an expression template is null or an object, expected a plain value or a list',
    at,
  );
}
