// Collects the keys a filter names into one column of the key's type, and says what Milvus says when a value does not fit.
import { ElanusError } from '#base/errors.js';
import { column } from '#model/columns/column.js';
import { VariableWriter } from '#model/columns/column-values.js';
import { decodeBools, decodeInt64s } from '#model/columns/packed-array.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import type { Column } from '#proto/elanus/data.js';
import {
  DataType,
  type FieldSchema,
  type TemplateArrayValue,
  type TemplateValue,
} from '#proto/milvus/schema.js';

export type KeyValue = bigint | number | string | boolean;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

export class KeyList {
  private readonly field: FieldSchema;
  private words = new Int32Array(64);
  private readonly texts: string[] = [];
  private numberCount = 0;

  constructor(field: FieldSchema) {
    this.field = field;
  }

  get isNumeric(): boolean {
    return this.field.dataType === DataType.Int64;
  }

  get count(): number {
    return this.isNumeric ? this.numberCount : this.texts.length;
  }

  /** A safe integer, for the fast path of long lists. */
  addNumber(value: number): void {
    this.reserve(this.numberCount + 1);
    // `|` takes the low 32 bits of the two's complement of any safe integer.
    this.words[this.numberCount * 2] = value | 0;
    this.words[this.numberCount * 2 + 1] = Math.floor(value / 4_294_967_296);
    this.numberCount++;
  }

  /** @returns false when the value is not of the key's type */
  add(value: KeyValue): boolean {
    if (!this.isNumeric) {
      if (typeof value !== 'string') return false;
      this.texts.push(value);
      return true;
    }
    if (typeof value !== 'bigint' || value < INT64_MIN || value > INT64_MAX) return false;
    this.reserve(this.numberCount + 1);
    this.words[this.numberCount * 2] = Number(BigInt.asIntN(32, value));
    this.words[this.numberCount * 2 + 1] = Number(value >> 32n);
    this.numberCount++;
    return true;
  }

  /** The values of an array template. @throws invalid_parameter */
  addArray(array: TemplateArrayValue): void {
    const { data } = array;
    if (data === undefined) return;
    if (data.$case === 'longData' && this.isNumeric) {
      const bytes = decodeInt64s(data.value.data, 'expression template');
      const added = new Int32Array(bytes.buffer);
      this.reserve(this.numberCount + added.length / 2);
      this.words.set(added, this.numberCount * 2);
      this.numberCount += added.length / 2;
      return;
    }
    for (const value of arrayValues(array)) if (!this.add(value)) this.refuseInList(value);
  }

  refuseInList(value: KeyValue): never {
    throw new ElanusError(
      'invalid_parameter',
      `value '${valueText(value)}' in list cannot be casted to ${dataTypeName(this.field.dataType)}`,
    );
  }

  finish(): Column {
    if (this.isNumeric) {
      return column(
        this.field.fieldID,
        DataType.Int64,
        new Uint8Array(this.words.buffer, 0, this.numberCount * 8),
      );
    }
    const writer = new VariableWriter(
      this.texts.length,
      this.texts.reduce((sum, text) => sum + text.length, 0),
    );
    for (const text of this.texts) writer.addText(text);
    const { data, offsets } = writer.finish();
    return column(this.field.fieldID, DataType.VarChar, data, offsets);
  }

  private reserve(count: number): void {
    if (count * 2 <= this.words.length) return;
    const grown = new Int32Array(Math.max(count * 2, this.words.length * 2));
    grown.set(this.words);
    this.words = grown;
  }
}

function arrayValues(array: TemplateArrayValue): KeyValue[] {
  const { data } = array;
  switch (data?.$case) {
    case 'boolData':
      return Array.from(decodeBools(data.value.data, 'expression template'), (flag) => flag === 1);
    case 'longData': {
      const bytes = decodeInt64s(data.value.data, 'expression template');
      return [...new BigInt64Array(bytes.buffer)];
    }
    case 'doubleData': {
      const view = new DataView(data.value.data.buffer, data.value.data.byteOffset, data.value.data.length);
      return Array.from({ length: view.byteLength >>> 3 }, (_, at) => view.getFloat64(at * 8, true));
    }
    case 'stringData':
      return data.value.data;
    case undefined:
      return [];
    default:
      throw new ElanusError(
        'invalid_parameter',
        'the list of an expression template must hold plain values of one type, not lists or JSON',
      );
  }
}

/** The one value of a template variable; undefined for lists and bytes. */
export function templateScalar(value: TemplateValue): KeyValue | undefined {
  const { val } = value;
  return val === undefined || val.$case === 'arrayVal' || val.$case === 'bytesVal' ? undefined : val.value;
}

/** A literal as Milvus prints it. */
function valueText(value: KeyValue): string {
  switch (typeof value) {
    case 'bigint':
      return `int64_val:${value}`;
    case 'number':
      return `float_val:${value}`;
    case 'string':
      return `string_val:${JSON.stringify(value.slice(0, 200))}`;
    default:
      return `bool_val:${value}`;
  }
}
