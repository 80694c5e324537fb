// Parts of a text around the words that were looked for, with a tag before and behind each of them. A fragment begins some characters before
// the first of its words and is as long as was asked for, or longer where its last word would be cut. Characters are code points.

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
    begin = stepped(text, span.begin, -form.offset);
    end = Math.max(span.end, stepped(text, begin, form.size));
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
