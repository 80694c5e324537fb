// What goes into a scalar index: values, each with the row it stands in. A scalar column has one of a row that is not null, an array has its
// elements, a JSON path what is found there. Rows ascend; of one row there may be several values.

export interface NumberEntries {
  readonly form: 'int64' | 'double';
  readonly rows: Uint32Array;
  /** Value i stands in row `rows[i]`. Zeros of both signs are one value; NaN, which no comparison finds, is not there. */
  readonly numbers: BigInt64Array | Float64Array;
}

/** Texts in UTF-8. */
export interface TextEntries {
  readonly form: 'text';
  readonly rows: Uint32Array;
  readonly data: Uint8Array;
  /** Text i is `data[begins[i], ends[i])`. */
  readonly begins: Uint32Array;
  readonly ends: Uint32Array;
}
export type Entries = NumberEntries | TextEntries;

/** Numbers whose count is not known before they were read. */
export class DoubleList {
  readonly #rows = new GrowingUint32s();
  #numbers = new Float64Array(1024);

  add(row: number, value: number): void {
    if (Number.isNaN(value)) return;
    const at = this.#rows.length;
    if (at === this.#numbers.length) {
      const grown = new Float64Array(at * 2);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[at] = value + 0;
    this.#rows.push(row);
  }

  get entries(): NumberEntries {
    const rows = this.#rows.values;
    return { form: 'double', rows, numbers: this.#numbers.slice(0, rows.length) };
  }
}

/** Texts whose count is not known before they were read. Those of `source` are not copied. */
export class TextList {
  readonly #source: Uint8Array;
  readonly #rows = new GrowingUint32s();
  readonly #begins = new GrowingUint32s();
  readonly #ends = new GrowingUint32s();
  /** Texts that do not stand in the source as they are. */
  readonly #made: Uint8Array[] = [];
  #madeBytes = 0;

  constructor(source: Uint8Array) {
    this.#source = source;
  }

  add(row: number, begin: number, end: number): void {
    this.#rows.push(row);
    this.#begins.push(begin);
    this.#ends.push(end);
  }

  /** @param text is copied */
  addMade(row: number, text: Uint8Array): void {
    const begin = this.#source.length + this.#madeBytes;
    this.#made.push(text.slice());
    this.#madeBytes += text.length;
    this.add(row, begin, begin + text.length);
  }

  get entries(): TextEntries {
    const [rows, begins, ends] = [this.#rows.values, this.#begins.values, this.#ends.values];
    return { form: 'text', rows, data: this.#allBytes(), begins, ends };
  }

  #allBytes(): Uint8Array {
    if (this.#made.length === 0) return this.#source;
    const data = new Uint8Array(this.#source.length + this.#madeBytes);
    data.set(this.#source);
    let at = this.#source.length;
    for (const text of this.#made) {
      data.set(text, at);
      at += text.length;
    }
    return data;
  }
}

class GrowingUint32s {
  length = 0;
  #values = new Uint32Array(1024);

  push(value: number): void {
    if (this.length === this.#values.length) {
      const grown = new Uint32Array(this.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.length++] = value;
  }

  get values(): Uint32Array {
    return this.#values.slice(0, this.length);
  }
}
