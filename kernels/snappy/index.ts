// Snappy's raw format back to bytes. Both ranges lie in one memory, with at least 31 bytes behind each that may be read or written with no harm, so
// that bytes move 16 and 8 at a time. Nothing of the input is taken on trust: each length and distance is checked before it is followed.

@inline function move(to: usize, from: usize, bytes: usize): void {
  if (bytes > 64) {
    memory.copy(to, from, bytes);
    return;
  }
  for (let at: usize = 0; at < bytes; at += 16) v128.store(to + at, v128.load(from + at));
}

/** Bytes that come again from `distance` before: with a short distance the copy reads what it wrote. */
@inline function repeat(to: usize, distance: usize, bytes: usize): void {
  const from = to - distance;
  if (distance >= 16) for (let at: usize = 0; at < bytes; at += 16) v128.store(to + at, v128.load(from + at));
  else if (distance >= 8) for (let at: usize = 0; at < bytes; at += 8) store<u64>(to + at, load<u64>(from + at));
  else for (let at: usize = 0; at < bytes; at++) store<u8>(to + at, load<u8>(from + at));
}

/** @returns whether exactly the bytes from `output` to `outputEnd` came out of exactly those from `input` to `inputEnd` */
export function decompress(input: usize, inputEnd: usize, output: usize, outputEnd: usize): bool {
  let at = input,
    out = output,
    claimed: u64 = 0,
    shift: u64 = 0;
  for (;;) {
    if (at >= inputEnd || shift > 28) return false;
    const byte = <u64>load<u8>(at++);
    claimed |= (byte & 127) << shift;
    shift += 7;
    if (byte < 128) break;
  }
  if (claimed != <u64>(outputEnd - output)) return false;
  while (at < inputEnd) {
    const tag = <usize>load<u8>(at++),
      kind = tag & 3;
    if (kind == 0) {
      let length = tag >> 2;
      if (length >= 60) {
        const extra = length - 59;
        if (extra > inputEnd - at) return false;
        // What is read behind the number is cut off.
        length = <usize>load<u32>(at) & (<usize>0xffffffff >> ((4 - extra) << 3));
        at += extra;
      }
      // The longest length is 2^32, more than there can be.
      if (length >= inputEnd - at || length >= outputEnd - out) return false;
      length++;
      move(out, at, length);
      at += length;
      out += length;
      continue;
    }
    const bytes: usize = kind == 3 ? 4 : kind;
    if (bytes > inputEnd - at) return false;
    const length = kind == 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    let distance: usize;
    if (kind == 1) distance = ((tag >> 5) << 8) | <usize>load<u8>(at);
    else if (kind == 2) distance = <usize>load<u16>(at);
    else distance = <usize>load<u32>(at);
    at += bytes;
    if (distance == 0 || distance > out - output || length > outputEnd - out) return false;
    repeat(out, distance, length);
    out += length;
  }
  return out == outputEnd;
}

