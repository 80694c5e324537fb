// Which characters are part of words. ASCII is a table; what was asked of any other character of the first plane is kept.

const NO = 1;
const BEGINS = 2;
const CONTINUES = 3;

const letterOrNumber = /^[\p{Alphabetic}\p{N}]$/u;
const mark = /^\p{M}$/u;

const kept = new Uint8Array(0x10000);

/** Letters and numbers begin a word; marks only go on with one, so an emoji's selector of its form is no word. */
export const beginsWord = (code: number): boolean => classOf(code) === BEGINS;
export const continuesWord = (code: number): boolean => classOf(code) >= BEGINS;

function classOf(code: number): number {
  const known = code < 0x10000 ? (kept[code] as number) : 0;
  if (known !== 0) return known;
  const character = String.fromCodePoint(code);
  const found = mark.test(character) ? CONTINUES : letterOrNumber.test(character) ? BEGINS : NO;
  if (code < 0x10000) kept[code] = found;
  return found;
}
