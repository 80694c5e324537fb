// Bytes of a message, as the generated encoders ask for them one field at a time. Their own writer begins with a new buffer for each message,
// doubles it as it grows, and moves all that a message holds once a level, when the length before it turns out to take two bytes: an answer
// with a megabyte of vectors is copied ten times. Here there is one buffer for all messages, and large fields stay where they are until the
// whole length is known. The bytes are the same.
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { assert } from '#base/assert.js';

export interface Encoder<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
}

/** Fields of bytes from this size on are copied once, into the message. */
const LARGE_BYTES = 2048;
const BUFFER_BYTES = 4096;
/** A buffer that became larger is not kept. */
const KEPT_BYTES_MAX = 256 * 1024;
/** Short messages share memory, of which so much is taken at a time. */
const SLAB_BYTES = 16 * 1024;
const SHORT_BYTES = 1024;
/** Texts that are looked at character by character: most are names. */
const SHORT_TEXT = 32;
/** A character takes so many bytes at most, a length so many. */
const CHARACTER_BYTES = 3;
const VARINT_BYTES = 10;

const utf8 = new TextEncoder();

interface LargeField {
  readonly bytes: Uint8Array;
  /** What was written before it into the buffer. */
  at: number;
}

/** Nothing waits while a message is encoded, so one writer serves all; but for a message that encodes another when one of its fields is read. */
let idle: MessageWriter | undefined;

/** @returns bytes that may share their memory with those of other messages: not to be changed, nor moved to another thread */
export function encodeMessage<T>(type: Encoder<T>, message: T): Uint8Array {
  const writer = idle ?? new MessageWriter();
  idle = undefined;
  try {
    type.encode(message, writer);
    return writer.finish();
  } finally {
    writer.reset();
    idle = writer;
  }
}

let slab = new Uint8Array(0);
let slabEnd = 0;

function memoryOf(length: number): Uint8Array {
  if (length > SHORT_BYTES) return new Uint8Array(length);
  if (slabEnd + length > slab.length) {
    slab = new Uint8Array(SLAB_BYTES);
    slabEnd = 0;
  }
  slabEnd += length;
  return slab.subarray(slabEnd - length, slabEnd);
}

class MessageWriter extends BinaryWriter {
  #bytes = new Uint8Array(BUFFER_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  readonly #large: LargeField[] = [];
  #largeBytes = 0;
  /** Three numbers for each message that is not whole: where it begins, and how many large fields there were before it, and their bytes. */
  readonly #begun: number[] = [];

  reset(): void {
    if (this.#bytes.length > KEPT_BYTES_MAX) this.#use(new Uint8Array(BUFFER_BYTES));
    this.#at = 0;
    this.#large.length = 0;
    this.#largeBytes = 0;
    this.#begun.length = 0;
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  #room(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#use(larger);
  }

  override finish(): Uint8Array<ArrayBuffer> {
    assert(this.#begun.length === 0, 'a message inside the message is not whole');
    const whole = memoryOf(this.#at + this.#largeBytes) as Uint8Array<ArrayBuffer>;
    let from = 0;
    let to = 0;
    for (const { bytes, at } of this.#large) {
      whole.set(this.#bytes.subarray(from, at), to);
      to += at - from;
      whole.set(bytes, to);
      to += bytes.length;
      from = at;
    }
    whole.set(this.#bytes.subarray(from, this.#at), to);
    return whole;
  }

  override fork(): this {
    this.#room(1);
    this.#begun.push(this.#at, this.#large.length, this.#largeBytes);
    this.#at++;
    return this;
  }

  override join(): this {
    const largeBytes = this.#begun.pop() ?? 0;
    const large = this.#begun.pop() ?? 0;
    const begin = this.#begun.pop();
    assert(begin !== undefined, 'a message ends that did not begin');
    const length = this.#at - begin - 1 + this.#largeBytes - largeBytes;
    if (length < 0x80) {
      this.#bytes[begin] = length;
      return this;
    }
    const more = varintBytes(length) - 1;
    this.#room(more);
    this.#bytes.copyWithin(begin + 1 + more, begin + 1, this.#at);
    const end = this.#at + more;
    this.#at = begin;
    this.uint32(length);
    this.#at = end;
    for (let at = large; at < this.#large.length; at++) (this.#large[at] as LargeField).at += more;
    return this;
  }

  override raw(chunk: Uint8Array): this {
    if (chunk.length >= LARGE_BYTES) {
      this.#large.push({ bytes: chunk, at: this.#at });
      this.#largeBytes += chunk.length;
      return this;
    }
    this.#room(chunk.length);
    this.#bytes.set(chunk, this.#at);
    this.#at += chunk.length;
    return this;
  }

  override bytes(value: Uint8Array): this {
    return this.uint32(value.byteLength).raw(value);
  }

  override uint32(value: number): this {
    if (value >>> 0 !== value) throw new Error(`invalid uint32: ${value}`);
    this.#room(VARINT_BYTES);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
    return this;
  }

  override int32(value: number): this {
    if ((value | 0) !== value) throw new Error(`invalid int32: ${value}`);
    return value >= 0 ? this.uint32(value) : this.#varint64(value, -1);
  }

  override int64(value: string | number | bigint): this {
    const whole = BigInt(value);
    if (BigInt.asIntN(64, whole) !== whole) throw new Error(`invalid int64: ${value}`);
    return this.#bigint(whole);
  }

  override uint64(value: string | number | bigint): this {
    const whole = BigInt(value);
    if (BigInt.asUintN(64, whole) !== whole) throw new Error(`invalid uint64: ${value}`);
    return this.#bigint(whole);
  }

  #bigint(value: bigint): this {
    if (value >= 0n && value <= 0xffff_ffffn) return this.uint32(Number(value));
    this.#room(VARINT_BYTES);
    this.#view.setBigUint64(this.#at, BigInt.asUintN(64, value), true);
    return this.#varint64(this.#view.getInt32(this.#at, true), this.#view.getInt32(this.#at + 4, true));
  }

  #varint64(low: number, high: number): this {
    this.#room(VARINT_BYTES);
    let [lower, upper] = [low >>> 0, high >>> 0];
    while (upper > 0 || lower > 0x7f) {
      this.#bytes[this.#at++] = (lower & 0x7f) | 0x80;
      lower = ((lower >>> 7) | (upper << 25)) >>> 0;
      upper >>>= 7;
    }
    this.#bytes[this.#at++] = lower;
    return this;
  }

  override bool(value: boolean): this {
    this.#room(1);
    this.#bytes[this.#at++] = value ? 1 : 0;
    return this;
  }

  override float(value: number): this {
    if (Number.isFinite(value) && !Number.isFinite(Math.fround(value)))
      throw new Error(`invalid float32: ${value}`);
    this.#room(4);
    this.#view.setFloat32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  override double(value: number): this {
    this.#room(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
    return this;
  }

  override fixed64(value: string | number | bigint): this {
    const whole = BigInt(value);
    if (BigInt.asUintN(64, whole) !== whole) throw new Error(`invalid fixed64: ${value}`);
    this.#room(8);
    this.#view.setBigUint64(this.#at, whole, true);
    this.#at += 8;
    return this;
  }

  override string(value: string): this {
    const { length } = value;
    if (length <= SHORT_TEXT && this.#ascii(value)) return this;
    this.#room(length * CHARACTER_BYTES + VARINT_BYTES);
    // The length goes first, and takes as many bytes as that of as much ASCII, mostly.
    const guess = varintBytes(length);
    const begin = this.#at;
    const { written } = utf8.encodeInto(value, this.#bytes.subarray(begin + guess));
    const size = varintBytes(written);
    if (size !== guess) this.#bytes.copyWithin(begin + size, begin + guess, begin + guess + written);
    this.uint32(written);
    this.#at += written;
    return this;
  }

  /** @returns false for a text that is more; then nothing was written */
  #ascii(value: string): boolean {
    const { length } = value;
    this.#room(length + 1);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = length;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[at++] = code;
    }
    this.#at = at;
    return true;
  }

  // No message has a field of these types; the writer that this one extends would write them elsewhere.

  override fixed32(): this {
    return this.#unknown('fixed32');
  }

  override sfixed32(): this {
    return this.#unknown('sfixed32');
  }

  override sint32(): this {
    return this.#unknown('sint32');
  }

  override sint64(): this {
    return this.#unknown('sint64');
  }

  override sfixed64(): this {
    return this.#unknown('sfixed64');
  }

  #unknown(type: string): never {
    throw new Error(`a field of type ${type} cannot be encoded`);
  }
}

function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
