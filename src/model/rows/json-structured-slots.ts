// Values of Array, Geometry and Timestamptz fields in rows of JSON text: lists, Well-Known Text, and ISO 8601 (or microseconds).
import { checkCapacity, elementWidth, textArrayBytes } from '#model/columns/array-column.js';
import { FixedBuilder, VariableBuilder } from '#model/columns/column-builder.js';
import { encodeWkb } from '#model/geometry/wkb.js';
import { parseWkt, WktError } from '#model/geometry/wkt.js';
import { parseJsonString } from '#model/json/json-members.js';
import { dataTypeName, maxLengthOf } from '#model/schema/schema-view.js';
import { parseTimestamp, TIMESTAMP_MAX, TIMESTAMP_MIN } from '#model/time/timestamptz.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import { int64Of, writeJsonScalar } from './json-scalar.js';
import { BaseSlot, type FieldSlot, refuse } from './json-slot.js';

const utf8 = new TextEncoder();

/** A list of JSON, each element as its raw text, so that int64 stays exact. Undefined: no list. */
function rawElements(raw: string): string[] | undefined {
  if (!raw.startsWith('[') || !raw.endsWith(']')) return undefined;
  const elements: string[] = [];
  let begin = 1;
  for (let at = 1; at < raw.length; at++) {
    const sign = raw[at];
    if (sign === '"') {
      for (at++; at < raw.length && raw[at] !== '"'; at++) if (raw[at] === '\\') at++;
    } else if (sign === '[' || sign === '{') return undefined;
    else if (sign === ',' || sign === ']') {
      elements.push(raw.slice(begin, at).trim());
      begin = at + 1;
    }
  }
  return elements.length === 1 && elements[0] === '' ? [] : elements;
}

export class ArraySlot extends BaseSlot implements FieldSlot {
  readonly #to: VariableBuilder;

  constructor(field: FieldSchema) {
    const to = new VariableBuilder(field);
    super(field, to);
    this.#to = to;
  }

  add(raw: string): void {
    const name = dataTypeName(this.field.elementType);
    const elements = rawElements(raw) ?? this.wrong(raw, `a list of ${name} values`);
    checkCapacity(this.field, elements.length, this.row);
    const width = elementWidth(this.field.elementType);
    if (width === undefined) this.#to.addBytes(textArrayBytes(elements.map((text) => this.#text(text))));
    else {
      const bytes = new Uint8Array(elements.length * width);
      const view = new DataView(bytes.buffer);
      for (const [index, text] of elements.entries()) {
        const expected = writeJsonScalar(view, index * width, this.field.elementType, text);
        if (expected !== undefined) this.wrong(text, `${expected}, element ${index}`);
      }
      this.#to.addBytes(bytes);
    }
  }

  #text(raw: string): string {
    const text = parseJsonString(raw) ?? this.wrong(raw, 'a string of valid Unicode');
    const max = maxLengthOf(this.field);
    const bytes = utf8.encode(text).length;
    if (bytes > max)
      refuse(
        this.field.name,
        `an element has ${bytes} bytes in UTF-8, expected at most ${max} (max_length); shorten it`,
      );
    return text;
  }
}

export class GeometrySlot extends BaseSlot implements FieldSlot {
  readonly #to: VariableBuilder;

  constructor(field: FieldSchema) {
    const to = new VariableBuilder(field);
    super(field, to);
    this.#to = to;
  }

  add(raw: string): void {
    const text = parseJsonString(raw) ?? this.wrong(raw, 'a string of Well-Known Text');
    try {
      this.#to.addBytes(encodeWkb(parseWkt(text)));
    } catch (error) {
      if (!(error instanceof WktError)) throw error;
      this.wrong(raw, `Well-Known Text of two dimensions (${error.message}, character ${error.at})`);
    }
  }
}

export class TimestampSlot extends BaseSlot implements FieldSlot {
  readonly #to: FixedBuilder;
  readonly #zone: string;

  /** @param zone of times that are written without an offset */
  constructor(field: FieldSchema, zone: string) {
    const to = new FixedBuilder(field, 0);
    super(field, to);
    this.#to = to;
    this.#zone = zone;
  }

  add(raw: string): void {
    const micros =
      this.#micros(raw) ??
      this.wrong(raw, 'a string of ISO 8601 such as "2025-01-31T23:59:59+08:00", or microseconds');
    const view = this.#to.next();
    view.setBigInt64(this.#to.at, micros, true);
  }

  #micros(raw: string): bigint | undefined {
    const text = parseJsonString(raw);
    if (text !== undefined) return parseTimestamp(text, this.#zone);
    const micros = int64Of(raw);
    return micros !== undefined && micros >= TIMESTAMP_MIN && micros <= TIMESTAMP_MAX ? micros : undefined;
  }
}
