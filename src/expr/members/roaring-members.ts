// A Roaring bitmap of integers of 64 bits that a client made, for `membership_match(…, type=roaring)`: an envelope of 32 bytes, MRB1, and
// the portable form of the Roaring format behind it. A member is its two's complement as an unsigned number; its upper 48 bits choose a
// container, which holds the lower 16 as a list, as bits or as runs. The bytes stay as they came: a run of four may stand for 65,536 members.
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import { ownBytes } from './own-bytes.js';

export interface RoaringMembers {
  readonly kind: 'roaring';
  readonly count: number;
  readonly bytes: Uint8Array;
  /** By container: the upper 48 bits, ascending. */
  readonly highs: Float64Array;
  readonly forms: Uint8Array;
  /** Where it begins in the bytes, and how many values or runs it has. */
  readonly begins: Uint32Array;
  readonly sizes: Uint32Array;
}

const ContainerForm = { list: 0, bits: 1, runs: 2 } as const;

const MAGIC = 'MRB1';
const VERSION = 1;
const FORMAT_ROARING64 = 1;
const HEADER_BYTES = 32;
const COOKIE_WITHOUT_RUNS = 12346;
const COOKIE_WITH_RUNS = 12347;
/** A bitmap with runs and fewer containers has no table of where they begin. */
const CONTAINERS_WITH_TABLE = 4;
const LIST_MAX = 4096;
const BITS_BYTES = 8192;

/** @param at of the filter's text, for what is wrong. @throws FilterSyntaxError */
export function readRoaring(bytes: Uint8Array, at: number): RoaringMembers {
  return new RoaringReader(ownBytes(bytes), at).read();
}

class RoaringReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #at: number;
  #next = HEADER_BYTES;
  readonly #highs: number[] = [];
  readonly #forms: number[] = [];
  readonly #begins: number[] = [];
  readonly #sizes: number[] = [];
  #count = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#at = at;
  }

  read(): RoaringMembers {
    const [bytes, view] = [this.#bytes, this.#view];
    if (bytes.length < HEADER_BYTES)
      this.#refuse(`it has ${bytes.length} bytes, expected ${HEADER_BYTES} or more`);
    const magic = String.fromCharCode(...bytes.subarray(0, 4));
    if (magic !== MAGIC)
      this.#refuse(`it begins with ${JSON.stringify(magic)}, expected ${JSON.stringify(MAGIC)}`);
    const [version, format] = [view.getUint16(4, true), view.getUint16(6, true)];
    if (version !== VERSION || format !== FORMAT_ROARING64)
      this.#refuse(`version ${version} of format ${format}, expected ${VERSION} of ${FORMAT_ROARING64}`);
    const body = view.getBigUint64(16, true);
    if (body !== BigInt(bytes.length - HEADER_BYTES))
      this.#refuse(`its head says ${body} bytes, ${bytes.length - HEADER_BYTES} are there`);
    const bitmaps = view.getBigUint64(this.#take(8), true);
    let last = -1;
    for (let i = 0n; i < bitmaps; i++) {
      const high = view.getUint32(this.#take(4), true);
      if (high <= last) this.#refuse('its bitmaps are not in ascending order');
      last = high;
      this.#bitmap(high);
    }
    if (this.#next !== bytes.length) this.#refuse(`${bytes.length - this.#next} bytes are behind its end`);
    if (view.getBigUint64(8, true) !== BigInt(this.#count))
      this.#refuse(`its head says ${view.getBigUint64(8, true)} members, ${this.#count} are there`);
    return {
      kind: 'roaring',
      count: this.#count,
      bytes,
      highs: Float64Array.from(this.#highs),
      forms: Uint8Array.from(this.#forms),
      begins: Uint32Array.from(this.#begins),
      sizes: Uint32Array.from(this.#sizes),
    };
  }

  /** One bitmap of 32 bits: a head, a line for each container, where they begin, and the containers. */
  #bitmap(high: number): void {
    const view = this.#view;
    const begin = this.#take(4);
    const cookie = view.getUint16(begin, true);
    const hasRuns = cookie === COOKIE_WITH_RUNS;
    if (!hasRuns && view.getUint32(begin, true) !== COOKIE_WITHOUT_RUNS)
      this.#refuse(`a bitmap begins with ${cookie}, expected ${COOKIE_WITHOUT_RUNS} or ${COOKIE_WITH_RUNS}`);
    const count = hasRuns ? view.getUint16(begin + 2, true) + 1 : view.getUint32(this.#take(4), true);
    if (count > 65536) this.#refuse(`a bitmap has ${count} containers, expected 65536 at most`);
    const runFlags = hasRuns ? this.#take((count + 7) >>> 3) : undefined;
    const lines = this.#take(count * 4);
    const table = !hasRuns || count >= CONTAINERS_WITH_TABLE ? this.#take(count * 4) : undefined;
    let last = -1;
    for (let i = 0; i < count; i++) {
      const key = view.getUint16(lines + i * 4, true);
      if (key <= last) this.#refuse('its containers are not in ascending order');
      last = key;
      if (table !== undefined && view.getUint32(table + i * 4, true) !== this.#next - begin)
        this.#refuse('a container is not where its table says');
      const isRuns =
        runFlags !== undefined && (((this.#bytes[runFlags + (i >>> 3)] ?? 0) >>> (i & 7)) & 1) === 1;
      this.#container(high * 65536 + key, view.getUint16(lines + i * 4 + 2, true) + 1, isRuns);
    }
  }

  #container(high: number, count: number, isRuns: boolean): void {
    const form = isRuns ? ContainerForm.runs : count <= LIST_MAX ? ContainerForm.list : ContainerForm.bits;
    const size = isRuns ? this.#view.getUint16(this.#take(2), true) : count;
    const begin = this.#take(isRuns ? size * 4 : form === ContainerForm.bits ? BITS_BYTES : size * 2);
    const found = this.#countIn(form, begin, size);
    if (found !== count) this.#refuse(`a container has ${found} members, expected ${count}`);
    this.#highs.push(high);
    this.#forms.push(form);
    this.#begins.push(begin);
    this.#sizes.push(size);
    this.#count += count;
  }

  /** Members of a container; those of lists and runs must ascend, as they are searched by halves. */
  #countIn(form: number, begin: number, size: number): number {
    const view = this.#view;
    let count = 0;
    let last = -1;
    for (let i = 0; form === ContainerForm.list && i < size; i++, count++) {
      const value = view.getUint16(begin + i * 2, true);
      if (value <= last) this.#refuse('the values of a list are not in ascending order');
      last = value;
    }
    for (let i = 0; form === ContainerForm.runs && i < size; i++) {
      const first = view.getUint16(begin + i * 4, true);
      const more = view.getUint16(begin + i * 4 + 2, true);
      if (first <= last || first + more > 65535) this.#refuse('the runs of a container overlap or leave it');
      last = first + more;
      count += more + 1;
    }
    for (let at = begin; form === ContainerForm.bits && at < begin + BITS_BYTES; at += 4)
      count += bitsOf(view.getUint32(at, true));
    return count;
  }

  /** @returns where the next so many bytes begin */
  #take(count: number): number {
    const begin = this.#next;
    if (begin + count > this.#bytes.length)
      this.#refuse(`it ends in the middle, at ${this.#bytes.length} bytes`);
    this.#next = begin + count;
    return begin;
  }

  #refuse(why: string): never {
    throw new FilterSyntaxError(
      `membership_match has no Roaring bitmap in its value: ${why}; make it by build_roaring_bitmap of pymilvus`,
      this.#at,
    );
  }
}

function bitsOf(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Looks members up, by the words of a number of 64 bits. */
export class RoaringLookup {
  readonly #members: RoaringMembers;
  readonly #view: DataView;

  constructor(members: RoaringMembers) {
    this.#members = members;
    this.#view = new DataView(members.bytes.buffer);
  }

  has(low: number, high: number): boolean {
    const { highs, forms, begins, sizes, bytes } = this.#members;
    const wanted = (high >>> 0) * 65536 + (low >>> 16);
    let [from, to] = [0, highs.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((highs[middle] as number) < wanted) from = middle + 1;
      else to = middle;
    }
    if (highs[from] !== wanted) return false;
    const value = low & 0xffff;
    const begin = begins[from] as number;
    if (forms[from] === ContainerForm.bits)
      return (((bytes[begin + (value >>> 3)] as number) >>> (value & 7)) & 1) === 1;
    const isRuns = forms[from] === ContainerForm.runs;
    const at = this.#lastUpTo(value, { begin, size: sizes[from] as number, step: isRuns ? 4 : 2 });
    if (at < 0) return false;
    const first = this.#view.getUint16(at, true);
    return isRuns ? value - first <= this.#view.getUint16(at + 2, true) : first === value;
  }

  /** Where the last entry begins whose first value is not above this one; -1: there is none. */
  #lastUpTo(value: number, { begin, size, step }: { begin: number; size: number; step: number }): number {
    let [from, to] = [0, size];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#view.getUint16(begin + middle * step, true) <= value) from = middle + 1;
      else to = middle;
    }
    return from === 0 ? -1 : begin + (from - 1) * step;
  }
}

/** All members, as signed numbers in no certain order. */
export function membersOf({ count, bytes, highs, forms, begins, sizes }: RoaringMembers): BigInt64Array {
  const view = new DataView(bytes.buffer);
  const out = new BigInt64Array(count);
  let next = 0;
  for (let at = 0; at < highs.length; at++) {
    const base = BigInt(highs[at] as number) << 16n;
    const [begin, size, form] = [begins[at] as number, sizes[at] as number, forms[at]];
    const add = (value: number): void => {
      out[next++] = base + BigInt(value);
    };
    if (form === ContainerForm.list) for (let i = 0; i < size; i++) add(view.getUint16(begin + i * 2, true));
    else if (form === ContainerForm.bits) {
      for (let value = 0; value < 65536; value++)
        if (((bytes[begin + (value >>> 3)] as number) >>> (value & 7)) & 1) add(value);
    } else
      for (let i = 0; i < size; i++) {
        const first = view.getUint16(begin + i * 4, true);
        const more = view.getUint16(begin + i * 4 + 2, true);
        for (let value = first; value <= first + more; value++) add(value);
      }
  }
  return out;
}
