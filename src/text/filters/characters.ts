// Filters that look at the characters of a word: those that change them, and those that drop words of other characters.
import type { TokenFilter } from '#text/token.js';

export const lowercase: TokenFilter = (word) => word.toLowerCase();

const keepIf =
  (allowed: RegExp): TokenFilter =>
  (word) =>
    allowed.test(word) ? word : undefined;

export const alphaNumOnly = keepIf(/^[A-Za-z0-9]+$/);
export const cnAlphaNumOnly = keepIf(/^[\p{Script=Han}A-Za-z0-9]+$/u);
export const cnCharOnly = keepIf(/^\p{Script=Han}+$/u);

/** Drops what has nothing but signs and white space; pictures stay. */
export const removePunct: TokenFilter = (word) =>
  /^[\p{P}\p{Z}\p{C}\s+<=>|~^`$]*$/u.test(word) ? undefined : word;

/** Letters that are no ASCII letter with a mark on it. */
const foldedLetters: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ß: 'ss',
    ẞ: 'SS',
    æ: 'ae',
    Æ: 'AE',
    œ: 'oe',
    Œ: 'OE',
    ø: 'o',
    Ø: 'O',
    đ: 'd',
    Đ: 'D',
    ð: 'd',
    Ð: 'D',
    þ: 'th',
    Þ: 'TH',
    ł: 'l',
    Ł: 'L',
    ħ: 'h',
    Ħ: 'H',
    ı: 'i',
    ŋ: 'n',
    Ŋ: 'N',
    ŧ: 't',
    Ŧ: 'T',
    ĸ: 'q',
    ſ: 's',
    ĳ: 'ij',
    Ĳ: 'IJ',
    ŉ: "'n",
    ƒ: 'f',
    ə: 'a',
    Ə: 'A',
    ɓ: 'b',
    ƙ: 'k',
    ɖ: 'd',
    ɗ: 'd',
    ʼ: "'",
    '’': "'",
    '‘': "'",
    '“': '"',
    '”': '"',
    '–': '-',
    '—': '-',
  }),
);

const isAscii = (word: string): boolean => /^[\0-\x7f]*$/.test(word);

/** Latin letters without their marks; other scripts stay as they are. */
export const asciiFolding: TokenFilter = (word) => {
  if (isAscii(word)) return word;
  let folded = '';
  for (const character of word.normalize('NFC')) {
    const [base, ...marks] = character.normalize('NFKD');
    folded +=
      foldedLetters.get(character) ??
      (base !== undefined && base <= '\x7f'
        ? base + marks.filter((mark) => mark <= '\x7f').join('')
        : character);
  }
  return folded;
};

/** Digits of any script as 0 to 9. */
export const decimalDigit: TokenFilter = (word) =>
  isAscii(word) ? word : word.replace(/\p{Nd}/gu, (digit) => String(valueOfDigit(digit.codePointAt(0) ?? 0)));

/** Digits of a script are ten in a row, and no two rows of one plane touch without the first being whole. */
function valueOfDigit(code: number): number {
  let zero = code;
  while (code - zero < 9 && /^\p{Nd}$/u.test(String.fromCodePoint(zero - 1))) zero--;
  // Mathematical digits are five rows behind one another, of which the first begins at 1D7CE.
  return code >= 0x1d7ce && code <= 0x1d7ff ? (code - 0x1d7ce) % 10 : code - zero;
}

/** Forms of one Arabic letter as one, without vowel signs and lengthening. */
export const arabicNormalization: TokenFilter = (word) =>
  word
    .replace(/[\u0640\u064b-\u0652]/g, '')
    .replace(/[\u0622\u0623\u0625]/g, '\u0627')
    .replace(/\u0649/g, '\u064a')
    .replace(/\u0629/g, '\u0647');
