// Runs of equal levels, one after the other: what levels of lists are in a file. Runs of packed bits are refused.

/** Runs of equal levels: a varint of twice the length, then the level as a byte. */
export class RunWriter {
  #bytes = new Uint8Array(64);
  #length = 0;
  #value = -1;
  #count = 0;

  add(value: number, count: number): void {
    if (value === this.#value) this.#count += count;
    else {
      this.#flush();
      this.#value = value;
      this.#count = count;
    }
  }

  /** A run of its own, whatever came before. */
  addRun(value: number, count: number): void {
    this.#flush();
    this.#value = value;
    this.#count = count;
  }

  /** Runs that are encoded already, so many times; none of them goes on with the run before, nor does what follows. */
  addBytes(runs: Uint8Array, times: number): void {
    this.#flush();
    this.#value = -1;
    this.#grow(runs.length * times);
    for (let i = 0; i < times; i++) {
      this.#bytes.set(runs, this.#length);
      this.#length += runs.length;
    }
  }

  finish(): Uint8Array {
    this.#flush();
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }

  #flush(): void {
    if (this.#count === 0) return;
    this.#grow(8);
    let rest = this.#count * 2;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 128;
    this.#bytes[this.#length++] = rest;
    this.#bytes[this.#length++] = this.#value;
    this.#count = 0;
  }
}

export class RunReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  value = 0;
  /** What is left of the run. */
  count = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.count === 0 && this.#at === this.#bytes.length;
  }

  /** Goes to the next run when this one is used up. */
  fill(): void {
    if (this.count > 0) return;
    let [header, scale] = [0, 1];
    for (let byte = 128; byte >= 128; scale *= 128) {
      if (this.#at >= this.#bytes.length || scale > 2 ** 28) throw new Error('levels end early');
      byte = this.#bytes[this.#at++] as number;
      header += (byte & 127) * scale;
    }
    if (header % 2 !== 0 || header === 0 || this.#at >= this.#bytes.length)
      throw new Error('levels are not repeated runs');
    this.count = header / 2;
    this.value = this.#bytes[this.#at++] as number;
  }

  /** Takes all levels that follow and are equal, over as many runs as they are in. */
  takeEqual(): readonly [value: number, count: number] {
    this.fill();
    const { value } = this;
    let taken = 0;
    while (this.count > 0 && this.value === value) {
      taken += this.count;
      this.count = 0;
      if (!this.isAtEnd) this.fill();
    }
    return [value, taken];
  }

  /** Takes `count` levels, all of them `value`. */
  take(value: number, count: number): void {
    for (let left = count; left > 0; ) {
      this.fill();
      if (this.value !== value) throw new Error(`level ${this.value}, expected ${value}`);
      const some = Math.min(left, this.count);
      this.count -= some;
      left -= some;
    }
  }
}
