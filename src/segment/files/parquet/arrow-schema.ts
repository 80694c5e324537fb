// The Arrow schema of a file, as its note `ARROW:schema` has it: a schema message of Arrow's IPC format, which is a flatbuffer, in base64.
// Parquet knows lists but not lists of one length; with this note Arrow's readers give vectors the type FixedSizeList.
// Layouts: https://arrow.apache.org/docs/format/Columnar.html and https://flatbuffers.dev/internals.
import { DataType, fixedWidth, isStringType } from '#model/schema/data-type.js';
import { type Leaf, type ParquetField, shapeOf } from './parquet-type.js';

/** The key of the footer's note. */
export const ARROW_NOTE = 'ARROW:schema';

/** A slot of a flatbuffer table: a number of some bytes, or what its offset leads to. */
type Slot =
  | { readonly kind: 'number'; readonly bytes: 1 | 2 | 4; readonly value: number }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'table'; readonly slots: Slots }
  | { readonly kind: 'tables'; readonly tables: readonly Slots[] };
/** In the order of the table's fields; undefined: the default. */
type Slots = readonly (Slot | undefined)[];

const int8 = (value: number): Slot => ({ kind: 'number', bytes: 1, value });
const int16 = (value: number): Slot => ({ kind: 'number', bytes: 2, value });
const int32 = (value: number): Slot => ({ kind: 'number', bytes: 4, value });
const text = (value: string): Slot => ({ kind: 'text', text: value });
const table = (...slots: Slots): Slot => ({ kind: 'table', slots });

/** Numbers of the unions `Type` and `MessageHeader`, and of enumerations, in Arrow's Schema.fbs and Message.fbs. */
const ARROW = {
  ...{ int: 2, float: 3, binary: 4, utf8: 5, bool: 6, timestamp: 10, list: 12, bytes: 15, fixedList: 16 },
  ...{ half: 0, single: 1, double: 2, micros: 2, schemaMessage: 1, version5: 4 },
} as const;

interface ArrowType {
  /** Its number in the union `Type`. */
  readonly type: number;
  readonly slots: Slots;
}

export function arrowSchemaNote(fields: readonly ParquetField[]): string {
  const schema = table(undefined, { kind: 'tables', tables: fields.map(arrowField) });
  const message = encodeTable([int16(ARROW.version5), int8(ARROW.schemaMessage), schema]);
  const framed = new Uint8Array(8 + Math.ceil(message.length / 8) * 8);
  const view = new DataView(framed.buffer);
  view.setUint32(0, 0xffffffff, true);
  view.setUint32(4, framed.length - 8, true);
  framed.set(message, 8);
  return btoa(Array.from(framed, (byte) => String.fromCharCode(byte)).join(''));
}

function arrowField(field: ParquetField): Slots {
  const { leaf, isList, innerLength } = shapeOf(field);
  let own = (name: string, isOptional: boolean): Slots => fieldSlots(name, isOptional, arrowType(leaf));
  if (innerLength > 0) own = listOf({ type: ARROW.fixedList, slots: [int32(innerLength)] }, own);
  if (isList) own = listOf({ type: ARROW.list, slots: [] }, own);
  return own(field.name, field.isOptional);
}

const listOf =
  (type: ArrowType, element: (name: string, isOptional: boolean) => Slots) =>
  (name: string, isOptional: boolean): Slots =>
    fieldSlots(name, isOptional, type, [element('element', false)]);

function fieldSlots(
  name: string,
  isOptional: boolean,
  { type, slots }: ArrowType,
  children: readonly Slots[] = [],
): Slots {
  const nullable = int8(isOptional ? 1 : 0);
  return [text(name), nullable, int8(type), table(...slots), undefined, { kind: 'tables', tables: children }];
}

function arrowType({ dataType, dim }: Leaf): ArrowType {
  const int = (bits: number): ArrowType => ({ type: ARROW.int, slots: [int32(bits), int8(1)] });
  const float = (precision: number): ArrowType => ({ type: ARROW.float, slots: [int16(precision)] });
  switch (dataType) {
    case DataType.Bool:
      return { type: ARROW.bool, slots: [] };
    case DataType.Int8:
      return int(8);
    case DataType.Int16:
      return int(16);
    case DataType.Int32:
    case DataType.Date:
      return int(32);
    case DataType.Int64:
    case DataType.Time:
      return int(64);
    case DataType.Timestamptz:
      return { type: ARROW.timestamp, slots: [int16(ARROW.micros), text('UTC')] };
    case DataType.Float:
      return float(ARROW.single);
    case DataType.Double:
      return float(ARROW.double);
    default: {
      if (dataType === DataType.Float16Vector && dim === 1) return float(ARROW.half);
      const width = fixedWidth(dataType, dim);
      if (width !== undefined) return { type: ARROW.bytes, slots: [int32(width)] };
      return {
        type: isStringType(dataType) || dataType === DataType.JSON ? ARROW.utf8 : ARROW.binary,
        slots: [],
      };
    }
  }
}

/** A buffer that begins with the offset of its root table. What a table points to comes behind it, so that every offset leads forward. */
function encodeTable(slots: Slots): Uint8Array {
  const out = new FlatBytes();
  const root = out.reserve(4, 4);
  out.point(root, out.table(slots));
  return out.finish();
}

class FlatBytes {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** @returns where `bytes` zero bytes begin, at a multiple of `align`. */
  reserve(bytes: number, align: number): number {
    const at = Math.ceil(this.#length / align) * align;
    this.#length = at + bytes;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }

  point(at: number, target: number): void {
    this.#view.setUint32(at, target - at, true);
  }

  /** A table behind the list of where its fields are; a field lies at a multiple of its size. */
  table(slots: Slots): number {
    const vtable = this.reserve(4 + slots.length * 2, 8);
    const at = this.reserve(4, 8);
    const places = slots.map((slot, i) => {
      if (slot === undefined) return undefined;
      const bytes = slot.kind === 'number' ? slot.bytes : 4;
      const place = this.reserve(bytes, bytes);
      this.#view.setUint16(vtable + 4 + i * 2, place - at, true);
      return place;
    });
    this.#view.setInt32(at, at - vtable, true);
    this.#view.setUint16(vtable, 4 + slots.length * 2, true);
    this.#view.setUint16(vtable + 2, this.#length - at, true);
    for (const [i, slot] of slots.entries()) {
      const place = places[i];
      if (slot !== undefined && place !== undefined) this.#fill(place, slot);
    }
    return at;
  }

  #fill(place: number, slot: Slot): void {
    switch (slot.kind) {
      case 'number':
        if (slot.bytes === 1) this.#view.setInt8(place, slot.value);
        else if (slot.bytes === 2) this.#view.setInt16(place, slot.value, true);
        else this.#view.setInt32(place, slot.value, true);
        return;
      case 'text':
        this.point(place, this.#text(slot.text));
        return;
      case 'table':
        this.point(place, this.table(slot.slots));
        return;
      case 'tables':
        this.point(place, this.#tables(slot.tables));
    }
  }

  #text(value: string): number {
    const bytes = new TextEncoder().encode(value);
    const at = this.reserve(4 + bytes.length + 1, 4);
    this.#view.setUint32(at, bytes.length, true);
    this.#bytes.set(bytes, at + 4);
    return at;
  }

  #tables(tables: readonly Slots[]): number {
    const at = this.reserve(4 + tables.length * 4, 4);
    this.#view.setUint32(at, tables.length, true);
    for (const [i, slots] of tables.entries()) this.point(at + 4 + i * 4, this.table(slots));
    return at;
  }
}
