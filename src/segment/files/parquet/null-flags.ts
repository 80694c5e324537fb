// Definition levels of columns that are not lists: one bit a row, 0 for null, in runs of a repeated bit and runs of packed bits.

/** One run of packed bits, or one repeated bit when nothing is null. @param valid a byte a row */
export function encodeNullFlags(valid: Uint8Array | undefined, rows: number): Uint8Array {
  if (valid === undefined) return Uint8Array.from([...varint(rows * 2), 1]);
  const groups = Math.ceil(rows / 8);
  const header = varint(groups * 2 + 1);
  const bytes = new Uint8Array(header.length + groups);
  bytes.set(header);
  for (let i = 0; i < rows; i++) {
    const at = header.length + (i >> 3);
    if (valid[i] !== 0) bytes[at] = (bytes[at] as number) | (1 << (i & 7));
  }
  return bytes;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

/**
 * A byte a row from the bits.
 * @param out has as many bytes as the page has rows
 * @throws Error when the runs do not fill it exactly, or have not `nulls` zeros
 */
export function decodeNullFlags(bytes: Uint8Array, out: Uint8Array, nulls: number): void {
  let [at, row] = [0, 0];
  while (row < out.length) {
    let [header, scale] = [0, 1];
    for (let byte = 128; byte >= 128; scale *= 128) {
      byte = bytes[at++] ?? -1;
      if (byte < 0 || scale > 2 ** 35) throw new Error('null flags end early');
      header += (byte & 127) * scale;
    }
    const length = Math.floor(header / 2) * (header % 2 === 1 ? 8 : 1);
    if (length === 0 || (header % 2 === 1 ? length > out.length - row + 7 : length > out.length - row))
      throw new Error('null flags do not fit');
    if (header % 2 === 1) {
      if (at + length / 8 > bytes.length) throw new Error('null flags end early');
      const many = Math.min(length, out.length - row);
      for (let i = 0; i < many; i++) out[row + i] = ((bytes[at + (i >> 3)] as number) >> (i & 7)) & 1;
      at += length / 8;
    } else {
      const value = bytes[at++];
      if (value !== 0 && value !== 1) throw new Error(`null flag ${value}`);
      out.fill(value, row, row + length);
    }
    row += Math.min(length, out.length - row);
  }
  let zeros = 0;
  for (let i = 0; i < out.length; i++) if (out[i] === 0) zeros++;
  if (zeros !== nulls || at !== bytes.length) throw new Error(`${zeros} null flags, expected ${nulls}`);
}
