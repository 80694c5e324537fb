// XXH64 with the seed 0 over bytes that come in pieces; of the sum only the low half, which is what a frame carries. Numbers of 64 bits are two words
// of 32, low before high: a bigint for each eight bytes would take longer than everything else.

interface Words {
  low: number;
  high: number;
}

const [PRIME_1, PRIME_2, PRIME_3, PRIME_4, PRIME_5] = [
  { low: 0x85ebca87, high: 0x9e3779b1 },
  { low: 0x27d4eb4f, high: 0xc2b2ae3d },
  { low: 0x9e3779f9, high: 0x165667b1 },
  { low: 0xc2b2ae63, high: 0x85ebca77 },
  { low: 0x165667c5, high: 0x27d4eb2f },
] as const;
const STRIPE = 32;

function add(to: Words, low: number, high: number): void {
  const sum = (to.low >>> 0) + (low >>> 0);
  to.low = sum | 0;
  to.high = (to.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
}

function multiply(by: Words, { low, high }: Readonly<Words>): void {
  const a0 = by.low & 0xffff;
  const a1 = by.low >>> 16;
  const b0 = low & 0xffff;
  const b1 = low >>> 16;
  const first = a0 * b0;
  const second = a0 * b1;
  const third = a1 * b0;
  const middle = (first >>> 16) + (second & 0xffff) + (third & 0xffff);
  const carry = a1 * b1 + (second >>> 16) + (third >>> 16) + (middle >>> 16);
  by.high = (carry + Math.imul(by.low, high) + Math.imul(by.high, low)) | 0;
  by.low = (middle << 16) | (first & 0xffff);
}

function rotate(words: Words, count: number): void {
  const { low, high } = words;
  words.low = (low << count) | (high >>> (32 - count));
  words.high = (high << count) | (low >>> (32 - count));
}

function round(accumulator: Words, low: number, high: number): void {
  const lane = { low, high };
  multiply(lane, PRIME_2);
  add(accumulator, lane.low, lane.high);
  rotate(accumulator, 31);
  multiply(accumulator, PRIME_1);
}

const xor = (to: Words, low: number, high: number): void => {
  to.low ^= low;
  to.high ^= high;
};

export class XxHash64 {
  readonly #lanes: readonly [Words, Words, Words, Words];
  readonly #rest = new Uint8Array(STRIPE);
  #bytes = 0;

  constructor() {
    const first: Words = { ...PRIME_1 };
    add(first, PRIME_2.low, PRIME_2.high);
    const last: Words = { low: 0, high: 0 };
    // 0 - PRIME_1
    add(last, ~PRIME_1.low, ~PRIME_1.high);
    add(last, 1, 0);
    this.#lanes = [first, { ...PRIME_2 }, { low: 0, high: 0 }, last];
  }

  update(bytes: Uint8Array): void {
    let at = 0;
    const held = this.#bytes % STRIPE;
    this.#bytes += bytes.length;
    if (held > 0) {
      at = Math.min(bytes.length, STRIPE - held);
      this.#rest.set(bytes.subarray(0, at), held);
      if (held + at < STRIPE) return;
      this.#stripes(this.#rest, 0, STRIPE);
    }
    const end = at + Math.floor((bytes.length - at) / STRIPE) * STRIPE;
    this.#stripes(bytes, at, end);
    this.#rest.set(bytes.subarray(end));
  }

  #stripes(bytes: Uint8Array, begin: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [first, second, third, fourth] = this.#lanes;
    for (let at = begin; at < end; at += STRIPE) {
      round(first, view.getInt32(at, true), view.getInt32(at + 4, true));
      round(second, view.getInt32(at + 8, true), view.getInt32(at + 12, true));
      round(third, view.getInt32(at + 16, true), view.getInt32(at + 20, true));
      round(fourth, view.getInt32(at + 24, true), view.getInt32(at + 28, true));
    }
  }

  /** The low 32 bits of the sum of all bytes so far. */
  low32(): number {
    const sum = this.#bytes < STRIPE ? { ...PRIME_5 } : this.#merged();
    add(sum, this.#bytes | 0, Math.floor(this.#bytes / 2 ** 32));
    const left = this.#bytes % STRIPE;
    const view = new DataView(this.#rest.buffer);
    let at = 0;
    for (; at + 8 <= left; at += 8) {
      const lane = { low: 0, high: 0 };
      round(lane, view.getInt32(at, true), view.getInt32(at + 4, true));
      xor(sum, lane.low, lane.high);
      rotate(sum, 27);
      multiply(sum, PRIME_1);
      add(sum, PRIME_4.low, PRIME_4.high);
    }
    if (at + 4 <= left) {
      const word = { low: view.getInt32(at, true), high: 0 };
      multiply(word, PRIME_1);
      xor(sum, word.low, word.high);
      rotate(sum, 23);
      multiply(sum, PRIME_2);
      add(sum, PRIME_3.low, PRIME_3.high);
      at += 4;
    }
    for (; at < left; at++) {
      const byte = { low: view.getUint8(at), high: 0 };
      multiply(byte, PRIME_5);
      xor(sum, byte.low, byte.high);
      rotate(sum, 11);
      multiply(sum, PRIME_1);
    }
    return avalanche(sum);
  }

  #merged(): Words {
    const sum: Words = { low: 0, high: 0 };
    for (const [lane, by] of [1, 7, 12, 18].entries()) {
      const turned = { ...(this.#lanes[lane] as Words) };
      rotate(turned, by);
      add(sum, turned.low, turned.high);
    }
    for (const { low, high } of this.#lanes) {
      const own = { low: 0, high: 0 };
      round(own, low, high);
      xor(sum, own.low, own.high);
      multiply(sum, PRIME_1);
      add(sum, PRIME_4.low, PRIME_4.high);
    }
    return sum;
  }
}

function avalanche(sum: Words): number {
  // Shifted right by 33, 29 and 32 bits.
  xor(sum, sum.high >>> 1, 0);
  multiply(sum, PRIME_2);
  xor(sum, (sum.low >>> 29) | (sum.high << 3), sum.high >>> 29);
  multiply(sum, PRIME_3);
  xor(sum, sum.high, 0);
  return sum.low >>> 0;
}
