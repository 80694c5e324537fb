// Parts of a text around the words that were looked for, with a tag before and behind each of them. A fragment begins some characters before
// the first of its words and is as long as was asked for, or longer where its last word would be cut. Characters are code points; a fragment that would
// begin or end between a letter and its marks, or inside a joined emoji or a flag, has all of it.

/** Part of a text: places in the JavaScript string, the end exclusive. */
export interface Span {
  readonly begin: number;
  readonly end: number;
}

export interface FragmentForm {
  /** Characters before the first word of a fragment. */
  readonly offset: number;
  readonly size: number;
  readonly count: number;
  /** What stands before and behind the words of a fragment, in turn. */
  readonly preTags: readonly string[];
  readonly postTags: readonly string[];
}

/** Spans in order; those that overlap or touch each other are one, as they are in scripts without white space. */
export function mergedSpans(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const last = merged.at(-1);
    if (last === undefined || span.begin > last.end) merged.push(span);
    else if (span.end > last.end) merged[merged.length - 1] = { begin: last.begin, end: span.end };
  }
  return merged;
}

/**
 * One after another, as they are asked for: with many characters before its first word each may be nearly the whole text, so that those of one
 * text have a length that is the square of its own.
 * @param spans in order, apart from each other
 */
export function* fragmentsOf(text: string, spans: readonly Span[], form: FragmentForm): Generator<string> {
  let made = 0;
  let words: Span[] = [];
  let begin = 0;
  let end = 0;
  for (const span of spans) {
    if (words.length > 0 && span.begin <= end) {
      words.push(span);
      end = Math.max(end, span.end);
      continue;
    }
    if (words.length > 0) {
      yield tagged(text, { begin, end }, words, form);
      made++;
    }
    words = [];
    if (made >= form.count) return;
    const first = stepped(text, span.begin, -form.offset);
    begin = wholeFrom(text, first);
    end = Math.max(span.end, wholeUntil(text, stepped(text, first, form.size)));
    words.push(span);
  }
  if (words.length > 0) yield tagged(text, { begin, end }, words, form);
}

function tagged(
  text: string,
  { begin, end }: Span,
  words: readonly Span[],
  { preTags, postTags }: FragmentForm,
): string {
  let fragment = '';
  let at = begin;
  for (const [place, word] of words.entries()) {
    fragment += text.slice(at, word.begin) + (preTags[place % preTags.length] ?? '');
    fragment += text.slice(word.begin, word.end) + (postTags[place % postTags.length] ?? '');
    at = word.end;
  }
  return fragment + text.slice(at, end);
}

const isHigh = (code: number): boolean => code >= 0xd800 && code <= 0xdbff;
const isLow = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;

/** The place that is so many characters on, or back: both halves of a pair are one. It stays in the text. */
function stepped(text: string, from: number, characters: number): number {
  let at = from;
  for (let left = characters; left > 0 && at < text.length; left--)
    at += isHigh(text.charCodeAt(at)) && isLow(text.charCodeAt(at + 1)) ? 2 : 1;
  for (let left = characters; left < 0 && at > 0; left++)
    at -= isLow(text.charCodeAt(at - 1)) && isHigh(text.charCodeAt(at - 2)) ? 2 : 1;
  return at;
}

const JOINER = 0x200d;
const EXTENDS = /^[\p{M}\p{Emoji_Modifier}\u200d]/u;
const isFlagHalf = (code: number): boolean => code >= 0x1f1e6 && code <= 0x1f1ff;
/** What belongs together is seldom longer, in code points: more marks than this are cut. */
const TOGETHER_MAX = 32;

/** Whether what stands there belongs to the character before it. */
function isContinued(text: string, at: number): boolean {
  const code = text.codePointAt(at);
  if (at === 0 || code === undefined) return false;
  if (text.charCodeAt(at - 1) === JOINER || EXTENDS.test(String.fromCodePoint(code))) return true;
  if (!isFlagHalf(code)) return false;
  let halves = 0;
  for (let before = at; halves < TOGETHER_MAX; halves++) {
    before = stepped(text, before, -1);
    if (before === at || !isFlagHalf(text.codePointAt(before) ?? 0)) break;
    if (before === 0) {
      halves++;
      break;
    }
  }
  return halves % 2 === 1;
}

function wholeFrom(text: string, from: number): number {
  let at = from;
  for (let left = TOGETHER_MAX; left > 0 && isContinued(text, at); left--) at = stepped(text, at, -1);
  return at;
}

function wholeUntil(text: string, until: number): number {
  let at = until;
  for (let left = TOGETHER_MAX; left > 0 && isContinued(text, at); left--) at = stepped(text, at, 1);
  return at;
}
