// What is wrong with a filter and where, and how that place is shown.

/** What is wrong with a filter, without the filter itself around it. */
export class FilterSyntaxError extends Error {
  override readonly name = 'FilterSyntaxError';
  /** The character of the text that it is about; undefined: the filter as a whole. */
  readonly at: number | undefined;

  constructor(message: string, at?: number) {
    super(message);
    this.at = at;
  }
}

/** Characters shown on each side of the place. */
const SHOWN_AROUND = 24;

/** The message, with the place in the text behind it when there is one: `… at line 1, column 7: age > ▶)`. */
export function placedMessage(text: string, error: FilterSyntaxError): string {
  if (error.at === undefined) return error.message;
  const at = Math.min(error.at, text.length);
  const { line, column } = lineAndColumn(text, at);
  return `${error.message} at line ${line}, column ${column}: ${snippet(text, at)}`;
}

/** Line and column, counted from 1, columns in characters of the text. */
function lineAndColumn(text: string, at: number): { readonly line: number; readonly column: number } {
  let line = 1;
  let begin = 0;
  for (let found = text.indexOf('\n'); found >= 0 && found < at; found = text.indexOf('\n', found + 1)) {
    line++;
    begin = found + 1;
  }
  return { line, column: at - begin + 1 };
}

function snippet(text: string, at: number): string {
  let begin = Math.max(0, at - SHOWN_AROUND);
  let end = Math.min(text.length, at + SHOWN_AROUND);
  // No half of a surrogate pair is left at a cut: no wire format can carry it.
  if (begin > 0 && isLowSurrogate(text.charCodeAt(begin))) begin++;
  if (end < text.length && isLowSurrogate(text.charCodeAt(end))) end--;
  const before = `${begin > 0 ? '…' : ''}${text.slice(begin, at)}`;
  const behind = `${text.slice(at, Math.max(at, end))}${end < text.length ? '…' : ''}`;
  return `${before}▶${behind}`.replace(/\s/g, ' ');
}

const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;
