// The Huffman code of HPACK (RFC 7541, appendix B). It is canonical: the lengths of the codes say all of it. Pure.

/** Bits of the code of each byte, runs as `count*bits`, and behind the bytes the end of the text. */
const LENGTHS =
  '13 23 7*28 24 30 2*28 30 8*28 30 9*28 6 2*10 12 13 6 8 11 2*10 8 11 8 3*6 3*5 7*6 7 8 15 6 12 10 13 6 22*7 8 7 8 13 19 ' +
  '13 14 6 15 5 6 5 6 5 3*6 5 2*7 3*6 5 6 7 6 2*5 6 5*7 15 11 14 13 28 20 22 2*20 3*22 23 22 5*23 24 23 2*24 22 23 24 4*23 21 ' +
  '22 23 22 2*23 24 22 21 20 2*22 2*23 21 23 2*22 24 21 22 2*23 2*21 22 21 23 22 2*23 20 3*22 23 2*22 23 2*26 20 19 22 23 22 ' +
  '25 3*26 2*27 26 24 25 19 21 26 2*27 26 27 24 2*21 2*26 28 3*27 20 24 20 21 22 2*21 23 2*22 2*25 2*24 26 23 26 27 2*26 5*27 ' +
  '28 5*27 26 30';

function lengthsOf(text: string): number[] {
  return text.split(' ').flatMap((part) => {
    const [first, bits] = part.split('*');
    return bits === undefined ? [Number(first)] : new Array<number>(Number(first)).fill(Number(bits));
  });
}

const END_OF_TEXT = 256;
const BITS_MAX = 30;

/**
 * Two entries a node, one for each bit: the number of the next node, or below 0 what the code means (-1 - byte). 0: no such code.
 * Codes of one length are in the order of their bytes, and follow those that are shorter.
 */
function treeOf(lengths: readonly number[]): Int16Array {
  const tree = new Int16Array(2 * 2 * (lengths.length + 1));
  let nodes = 1;
  let code = 0;
  for (let bits = 1; bits <= BITS_MAX; bits++) {
    for (const [byte, length] of lengths.entries()) {
      if (length !== bits) continue;
      let node = 0;
      for (let bit = bits - 1; bit > 0; bit--) {
        const at = node * 2 + ((code >>> bit) & 1);
        if (tree[at] === 0) tree[at] = nodes++;
        node = tree[at] as number;
      }
      tree[node * 2 + (code & 1)] = -1 - byte;
      code++;
    }
    code <<= 1;
  }
  return tree;
}

const tree = treeOf(lengthsOf(LENGTHS));

/** @returns undefined for what is no text in this code: a code of the end, or padding that is no beginning of it, or a byte of it */
export function huffmanDecode(bytes: Uint8Array): string | undefined {
  const out = Buffer.allocUnsafe(Math.ceil((bytes.length * 8) / 5));
  let length = 0;
  let node = 0;
  let since = 0;
  let isPadding = true;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    for (let shift = 7; shift >= 0; shift--) {
      const bit = (byte >>> shift) & 1;
      const next = tree[node * 2 + bit] as number;
      since++;
      isPadding &&= bit === 1;
      if (next > 0) {
        node = next;
        continue;
      }
      if (next === 0 || next === -1 - END_OF_TEXT) return undefined;
      out[length++] = -1 - next;
      node = 0;
      since = 0;
      isPadding = true;
    }
  }
  return since < 8 && isPadding ? out.toString('latin1', 0, length) : undefined;
}

/** Texts beyond this are not kept. */
const KEPT_BYTES_MAX = 256;
const PLACES = 8;

/**
 * Decodes the texts of a connection, and keeps some that came last: clients send the path of a method anew with each call. A text that came
 * again is the same object, so that it is compared and looked up at once.
 */
export class HuffmanTexts {
  readonly #codes: Uint8Array[] = [];
  readonly #texts: string[] = [];

  /** @returns undefined for what is no text in this code */
  decode(code: Uint8Array): string | undefined {
    const place = code.length % PLACES;
    const known = this.#codes[place];
    if (known !== undefined && isSame(known, code)) return this.#texts[place];
    const text = huffmanDecode(code);
    if (text === undefined || code.length > KEPT_BYTES_MAX) return text;
    this.#codes[place] = new Uint8Array(code); // A slice of a Buffer would be a view.
    this.#texts[place] = text;
    return text;
  }
}

/** In a loop: texts are short, and a call of the engine's own comparison takes longer. */
export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
