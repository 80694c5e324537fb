// Row numbers of lists.

/** Copies the numbers of `count` rows that are not excluded from `rows` to `out`; returns how many. */
export function keepRows(rows: usize, count: u32, excluded: usize, out: usize): u32 {
  let kept: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = load<u32>(rows + ((<usize>i) << 2));
    store<u32>(out + ((<usize>kept) << 2), row);
    kept += <u32>(((load<u8>(excluded + (row >> 3)) >> <u8>(row & 7)) & 1) ^ 1);
  }
  return kept;
}
