// The top-k state of a sparse search. As in kernels/flat; the key of score s is 0x7fffffff - bits(s), smaller = better, for s > 0.

function siftDown(entries: usize, size: u32, from: u32): void {
  const value = load<u64>(entries + ((<usize>from) << 3));
  let at = from;
  while (true) {
    let child = at * 2 + 1;
    if (child >= size) break;
    let larger = load<u64>(entries + ((<usize>child) << 3));
    if (child + 1 < size) {
      const right = load<u64>(entries + ((<usize>(child + 1)) << 3));
      if (right > larger) {
        larger = right;
        child++;
      }
    }
    if (larger <= value) break;
    store<u64>(entries + ((<usize>at) << 3), larger);
    at = child;
  }
  store<u64>(entries + ((<usize>at) << 3), value);
}

/** Takes the row in when its score is in (threshold, high] and it is not excluded. Returns the new threshold. */
export function offer(top: usize, score: f64, row: u32, threshold: f64, high: f64, excluded: usize): f64 {
  const rounded = <f32>score;
  if (!(<f64>rounded > threshold) || <f64>rounded > high) return threshold;
  if (excluded != 0 && (load<u8>(excluded + <usize>(row >> 3)) >> <u8>(row & 7)) & 1) return threshold;
  const size = load<u32>(top),
    k = load<u32>(top, 8),
    entries = top + 16;
  const entry = ((<u64>(0x7fffffff - reinterpret<u32>(rounded))) << 32) | <u64>row;
  if (size == k) {
    store<u64>(entries, entry);
    siftDown(entries, k, 0);
  } else {
    let at = size;
    while (at > 0) {
      const parent = (at - 1) >> 1,
        above = load<u64>(entries + ((<usize>parent) << 3));
      if (above >= entry) break;
      store<u64>(entries + ((<usize>at) << 3), above);
      at = parent;
    }
    store<u64>(entries + ((<usize>at) << 3), entry);
    store<u32>(top, size + 1);
    if (size + 1 < k) return threshold;
  }
  const worst = <f64>reinterpret<f32>(0x7fffffff - <u32>(load<u64>(entries) >> 32));
  return worst > threshold ? worst : threshold;
}

/** Orders a top-k state's entries best first. Returns how many there are. */
export function finish(top: usize): u32 {
  const size = load<u32>(top),
    entries = top + 16;
  for (let end = size; end > 1; ) {
    end--;
    const last = entries + ((<usize>end) << 3),
      value = load<u64>(last);
    store<u64>(last, load<u64>(entries));
    store<u64>(entries, value);
    siftDown(entries, end, 0);
  }
  return size;
}
