// Which whole numbers of a block are among some: exactly, where these lie close to each other and have a bit each, else "maybe", by a bit for
// the hash of each. 32 rows a step.

/** 2^64 over the golden ratio: its products spread over the upper bits. */
const FACTOR: u64 = 0x9e3779b97f4a7c15;

@inline function isSet(bits: usize, at: u32): u32 {
  return (<u32>load<u8>(bits + (at >> 3)) >> (at & 7)) & 1;
}

@inline function valueAt<T>(p: usize): u64 {
  return <u64>(<i64>load<T>(p));
}

@inline function maybe<T>(p: usize, bits: usize, shift: u64): u32 {
  return isSet(bits, <u32>((valueAt<T>(p) * FACTOR) >> shift));
}

@inline function maybeIn<T>(values: usize, count: u32, bits: usize, shift: u64, out: usize): void {
  const step = sizeof<T>(),
    end = values + <usize>count * step;
  for (let p = values; p < end; out += 4) {
    let word: u32 = 0;
    for (let bit: u32 = 0; bit < 32; bit += 4, p += 4 * step) {
      const low = maybe<T>(p, bits, shift) | (maybe<T>(p + step, bits, shift) << 1);
      const high = maybe<T>(p + 2 * step, bits, shift) | (maybe<T>(p + 3 * step, bits, shift) << 1);
      word |= (low | (high << 2)) << bit;
    }
    store<u32>(out, word);
  }
}

/** @param shift 64 less the bits of a place in `bits`, of which there are 2^(64 - shift) */
export function int64sMaybeIn(values: usize, count: u32, bits: usize, shift: u32, out: usize): void {
  maybeIn<i64>(values, count, bits, shift, out);
}

export function int32sMaybeIn(values: usize, count: u32, bits: usize, shift: u32, out: usize): void {
  maybeIn<i32>(values, count, bits, shift, out);
}

/** Beyond the map the last place is looked at, which no number of the map has. */
@inline function onMap<T>(p: usize, low: u64, bits: usize, span: u64): u32 {
  const at = valueAt<T>(p) - low;
  return isSet(bits, <u32>(at < span ? at : span));
}

@inline function allOnMap<T>(values: usize, count: u32, low: u64, bits: usize, span: u64, out: usize): void {
  const step = sizeof<T>(),
    end = values + <usize>count * step;
  for (let p = values; p < end; out += 4) {
    let word: u32 = 0;
    for (let bit: u32 = 0; bit < 32; bit += 4, p += 4 * step) {
      const first = onMap<T>(p, low, bits, span) | (onMap<T>(p + step, low, bits, span) << 1);
      const other = onMap<T>(p + 2 * step, low, bits, span) | (onMap<T>(p + 3 * step, low, bits, span) << 1);
      word |= (first | (other << 2)) << bit;
    }
    store<u32>(out, word);
  }
}

/** @param low address of the int64 of bit 0 @param span how many numbers have a bit; the bit behind them is 0 */
export function int64sOnMap(values: usize, count: u32, low: usize, bits: usize, span: u32, out: usize): void {
  allOnMap<i64>(values, count, load<u64>(low), bits, span, out);
}

export function int32sOnMap(values: usize, count: u32, low: usize, bits: usize, span: u32, out: usize): void {
  allOnMap<i32>(values, count, load<u64>(low), bits, span, out);
}

/** Sets the bit of the hash of each value. */
export function addHashes(values: usize, count: u32, bits: usize, shift: u32): void {
  const end = values + ((<usize>count) << 3);
  for (let p = values; p < end; p += 8) {
    const at = <u32>((load<u64>(p) * FACTOR) >> (<u64>shift));
    store<u8>(bits + (at >> 3), load<u8>(bits + (at >> 3)) | <u8>((<u32>1) << (at & 7)));
  }
}
