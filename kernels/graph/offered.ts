// Nodes that a walk met, scored and put into its pool.
import { keys4, touch } from './codes';
import { entryOf, insertEntry, padIds, pool, scratch } from './graph';
import { notePlace } from './settled';

/** Scores the `n` nodes in `scratch` and puts them into the pool. @returns the first place that changed, at most `before` << 32 | its new size */
export function offerScored(query: usize, ef: i32, n: i32, size: i32, before: i32): i64 {
  const entries = pool,
    keys = scratch,
    ids = scratch + 64;
  let first = before;
  touch(ids, n);
  padIds(ids, n);
  for (let j = 0; j < n; j += 4) {
    const p = ids + ((<usize>j) << 2);
    keys4(query, load<u32>(p), load<u32>(p, 4), load<u32>(p, 8), load<u32>(p, 12), keys);
    let lanes: u32 = n - j >= 4 ? 15 : (1 << (n - j)) - 1;
    if (size == ef)
      lanes &= i32x4.bitmask(
        i32x4.lt_u(v128.load(keys), i32x4.splat(<u32>(load<u64>(entries + ((<usize>(ef - 1)) << 3)) >> 32))),
      );
    while (lanes != 0) {
      const lane = (<usize>ctz(lanes)) << 2;
      lanes &= lanes - 1;
      const r = insertEntry(entries, size, ef, entryOf(load<u32>(keys + lane), load<u32>(p + lane)));
      if (r < 0) continue;
      size = <i32>r;
      notePlace(<i32>(r >> 32));
      if (<i32>(r >> 32) < first) first = <i32>(r >> 32);
    }
  }
  return ((<i64>first) << 32) | <i64>size;
}
