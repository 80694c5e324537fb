// Which characters are part of words. ASCII is a table; what was asked of any other character of the first plane is kept.

/** The class of a code unit that nobody asked about yet, and of each that is half of a pair. */
export const UNKNOWN = 0;
const NO = 1;
export const BEGINS = 2;
const CONTINUES = 3;

const letterOrNumber = /^[\p{Alphabetic}\p{N}]$/u;
const mark = /^\p{M}$/u;

const kept = new Uint8Array(0x10000);

/** Letters and numbers begin a word; marks only go on with one, so an emoji's selector of its form is no word. */
export const beginsWord = (code: number): boolean => classOf(code) === BEGINS;
export const continuesWord = (code: number): boolean => classOf(code) >= BEGINS;

/** What is known of a code unit: `UNKNOWN`, or from `BEGINS` on where it goes on with a word. */
export const knownClass = (unit: number): number => kept[unit] as number;

function classOf(code: number): number {
  const known = code < 0x10000 ? (kept[code] as number) : UNKNOWN;
  if (known !== UNKNOWN) return known;
  const character = String.fromCodePoint(code);
  const found = mark.test(character) ? CONTINUES : letterOrNumber.test(character) ? BEGINS : NO;
  if (code < 0x10000 && !isSurrogate(code)) kept[code] = found;
  return found;
}

const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;
