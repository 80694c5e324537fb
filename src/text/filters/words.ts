// Filters that look at whole words: their length, lists of words, parts of compounds, synonyms, regular expressions, pinyin.
import { ElanusError } from '#base/errors.js';
import { compileRe2 } from '#text/re2.js';
import { callMember, textPackage } from '#text/text-packages.js';
import type { TokenFilter } from '#text/token.js';

/** In characters. */
export const lengthFilter =
  (max: number): TokenFilter =>
  (word) =>
    word.length <= max || [...word].length <= max ? word : undefined;

export const stopFilter =
  (words: ReadonlySet<string>): TokenFilter =>
  (word) =>
    words.has(word) ? undefined : word;

/** Words that are put together of words of the list, and of nothing else, become these; the longest that fits is taken. */
export function decompounder(list: readonly string[]): TokenFilter {
  const words = new Set(list);
  const longest = list.reduce((length, word) => Math.max(length, word.length), 0);
  return (word) => {
    const parts: string[] = [];
    for (let at = 0; at < word.length; ) {
      const part = longestPart(word, at, words, longest);
      if (part === undefined) return word;
      parts.push(part);
      at += part.length;
    }
    return parts;
  };
}

function longestPart(
  word: string,
  at: number,
  words: ReadonlySet<string>,
  longest: number,
): string | undefined {
  for (let length = Math.min(longest, word.length - at); length > 0; length--) {
    const part = word.slice(at, at + length);
    if (words.has(part)) return part;
  }
  return undefined;
}

/** `a, b, c`: any of them is all of them, or with `expand` false the first. `a, b => c`: those on the left are those on the right. */
export function synonymFilter(groups: readonly SynonymGroup[]): TokenFilter {
  const byWord = new Map<string, Set<string>>();
  for (const { from, to } of groups) {
    for (const word of from) {
      const known = byWord.get(word) ?? new Set<string>();
      for (const made of to) known.add(made);
      byWord.set(word, known);
    }
  }
  return (word) => {
    const made = byWord.get(word);
    return made === undefined ? word : [...made];
  };
}

export interface SynonymGroup {
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** @returns undefined where the line is none */
export function synonymGroup(line: string, expand: boolean): SynonymGroup | undefined {
  const sides = line.split('=>');
  const [left = [], right] = sides.map((side) =>
    side
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== ''),
  );
  if (sides.length > 2 || left.length === 0 || right?.length === 0) return undefined;
  if (right !== undefined) return { from: left, to: right };
  return { from: left, to: expand ? left : left.slice(0, 1) };
}

const REGEX_LENGTH_MAX = 1024;
const REGEX_STEPS_MAX = 1024;

/** Keeps the words in which the expression is found; linear in the word. @returns why there is no such filter */
export function regexFilter(source: string): TokenFilter | string {
  if (source.length > REGEX_LENGTH_MAX)
    return `the expression has ${source.length} characters, expected at most ${REGEX_LENGTH_MAX}`;
  try {
    const regex = compileRe2(source);
    const steps = regex.programSize();
    if (steps > REGEX_STEPS_MAX)
      return `the expression has ${steps} steps, expected at most ${REGEX_STEPS_MAX}`;
    return (word) => (regex.test(word) ? word : undefined);
  } catch (cause) {
    if (cause instanceof ElanusError) throw cause;
    return `the expression is not valid: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}

export interface PinyinWish {
  readonly keepOriginal: boolean;
  /** A word for each character. */
  readonly keepFull: boolean;
  /** One word of all characters. */
  readonly keepJoined: boolean;
  /** One word of their first letters. */
  readonly keepFirstLetters: boolean;
}

/** Chinese words as they are spoken, without tones. */
export function pinyinFilter(wish: PinyinWish): TokenFilter {
  const loaded = textPackage('pinyin-pro', 'the filter pinyin');
  const options = { toneType: 'none', type: 'array', nonZh: 'removed' };
  return (word) => {
    const words = wish.keepOriginal ? [word] : [];
    if (!/\p{Script=Han}/u.test(word)) return words;
    const found: unknown = callMember(loaded, 'pinyin', word, options);
    const spoken = Array.isArray(found) ? found.filter((one): one is string => typeof one === 'string') : [];
    if (wish.keepFull) for (const one of spoken) words.push(one);
    if (spoken.length > 0 && wish.keepJoined) words.push(spoken.join(''));
    if (spoken.length > 0 && wish.keepFirstLetters) words.push(spoken.map((one) => one.charAt(0)).join(''));
    return words;
  };
}
