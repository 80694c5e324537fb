// SHA-1 (FIPS 180-4), of which signatures take the first 32 bits. It keeps nothing secret here: texts become numbers.
const rotated = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

/** The first four bytes of the digest, the first of them lowest. */
export function sha1Word(bytes: Uint8Array): number {
  const blocks = Math.ceil((bytes.length + 9) / 64);
  const padded = new Uint8Array(blocks * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, (bytes.length << 3) >>> 0);
  const state = new Int32Array([0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]);
  const words = new Int32Array(80);
  for (let begin = 0; begin < padded.length; begin += 64) addBlock(state, words, view, begin);
  const first = state[0] as number;
  return ((first >>> 24) | ((first >>> 8) & 0xff00) | ((first << 8) & 0xff_0000) | (first << 24)) >>> 0;
}

const CONSTANTS = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6];

function addBlock(state: Int32Array, words: Int32Array, view: DataView, begin: number): void {
  for (let at = 0; at < 16; at++) words[at] = view.getInt32(begin + at * 4);
  for (let at = 16; at < 80; at++) {
    const mixed =
      (words[at - 3] as number) ^
      (words[at - 8] as number) ^
      (words[at - 14] as number) ^
      (words[at - 16] as number);
    words[at] = rotated(mixed, 1);
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0] = state;
  for (let at = 0; at < 80; at++) {
    const part = Math.floor(at / 20);
    let choice = b ^ c ^ d;
    if (part === 0) choice = (b & c) | (~b & d);
    else if (part === 2) choice = (b & c) | (b & d) | (c & d);
    const next = (rotated(a, 5) + choice + e + (CONSTANTS[part] as number) + (words[at] as number)) | 0;
    [e, d, c, b, a] = [d, c, rotated(b, 30), a, next];
  }
  for (const [at, value] of [a, b, c, d, e].entries()) state[at] = (state[at] as number) + value;
}
