// Tokens of the filter language. One pass over the text, one token at a time: a list of a million keys never becomes a list of tokens.
// Literals follow the public grammar: ints decimal, 0x, 0b and 0-octal; strings with ' or ", escapes, raw r"…", prefixes u8 u U L.

/** What is wrong with a filter, without the filter itself around it. */
export class FilterSyntaxError extends Error {
  override readonly name = 'FilterSyntaxError';
}

export type Token =
  | { readonly kind: 'end' }
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'template'; readonly name: string }
  | { readonly kind: 'op'; readonly text: string };

const END: Token = { kind: 'end' };
const wordPattern = /[A-Za-z_$][\w$]*/y;
const numberPattern = /0[xX][\da-fA-F]+|0[bB][01]+|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?/y;
const templatePattern = /\{\s*([A-Za-z_]\w*)\s*\}/y;
const opPattern = /\*\*|<<|>>|<=|>=|==|!=|&&|\|\||=~|!~|[-+*/%<>&|^~!()[\],=.]/y;
const stringPrefixes: ReadonlySet<string> = new Set(['r', 'R', 'u8', 'u', 'U', 'L']);
const simpleEscapes: Readonly<Record<string, string>> = {
  ...{ n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' },
  ...{ '\\': '\\', "'": "'", '"': '"', '?': '?', '`': '`', '%': '\\%', _: '\\_' },
};

export class Lexer {
  readonly text: string;
  /** Where the next token starts, white space before it included. */
  at = 0;
  constructor(text: string) {
    this.text = text;
  }

  skipSpace(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }

  /** @throws FilterSyntaxError */
  next(): Token {
    this.skipSpace();
    const char = this.text[this.at];
    if (char === undefined) return END;
    if (char === '"' || char === "'") return { kind: 'string', value: this.readString(false) };
    const digits = this.match(numberPattern);
    if (digits !== undefined) return this.numberToken(digits);
    const word = this.match(wordPattern);
    if (word !== undefined) return this.wordToken(word);
    if (char === '{') return this.templateToken();
    const op = this.match(opPattern);
    if (op !== undefined) return { kind: 'op', text: op };
    throw new FilterSyntaxError(
      `unexpected character '${String.fromCodePoint(this.text.codePointAt(this.at) ?? 0)}' at position ${this.at}`,
    );
  }

  /** The next token without taking it. */
  peek(): Token {
    const begin = this.at;
    const token = this.next();
    this.at = begin;
    return token;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private numberToken(digits: string): Token {
    const following = this.text[this.at];
    if (following !== undefined && /[\w$]/.test(following))
      throw new FilterSyntaxError(`invalid number at position ${this.at - digits.length}`);
    if (/^0[xXbB]/.test(digits)) return { kind: 'int', value: BigInt(digits.toLowerCase()) };
    if (/^0[0-7]+$/.test(digits)) return { kind: 'int', value: BigInt(`0o${digits.slice(1)}`) };
    return /^\d+$/.test(digits) ? { kind: 'int', value: BigInt(digits) } : { kind: 'float', value: Number(digits) };
  }

  private wordToken(word: string): Token {
    const following = this.text[this.at];
    if ((following === '"' || following === "'") && stringPrefixes.has(word)) {
      return { kind: 'string', value: this.readString(word === 'r' || word === 'R') };
    }
    return { kind: 'word', text: word };
  }

  private templateToken(): Token {
    templatePattern.lastIndex = this.at;
    const found = templatePattern.exec(this.text);
    const name = found?.[1];
    if (found === null || name === undefined)
      throw new FilterSyntaxError(`unexpected '{' at position ${this.at}, expected a template variable like {name}`);
    this.at += found[0].length;
    return { kind: 'template', name };
  }

  /** Reads from the opening quote to behind the closing one. */
  private readString(isRaw: boolean): string {
    const begin = this.at;
    const quote = this.text[begin] as string;
    const closing = this.text.indexOf(quote, begin + 1);
    const backslash = this.text.indexOf('\\', begin + 1);
    if (closing > 0 && (backslash < 0 || backslash > closing)) {
      this.at = closing + 1;
      return this.text.slice(begin + 1, closing);
    }
    const parts: string[] = [];
    this.at = begin + 1;
    for (;;) {
      const char = this.text[this.at++];
      if (char === undefined) throw new FilterSyntaxError(`string at position ${begin} has no closing ${quote}`);
      if (char === quote) return parts.join('');
      if (char !== '\\') parts.push(char);
      else if (isRaw) parts.push(char, this.text[this.at++] ?? '');
      else parts.push(this.readEscape());
    }
  }

  private readEscape(): string {
    const char = this.text[this.at++] ?? '';
    const simple = Object.hasOwn(simpleEscapes, char) ? simpleEscapes[char] : undefined;
    if (simple !== undefined) return simple;
    const lengths: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
    const length = lengths[char];
    if (length !== undefined) {
      const digits = this.text.slice(this.at, this.at + length);
      const code = /^[\da-fA-F]+$/.test(digits) && digits.length === length ? Number.parseInt(digits, 16) : Number.NaN;
      this.at += length;
      if (code <= 0x10ffff) return String.fromCodePoint(code);
    }
    const octal = /^[0-3][0-7]{2}/.exec(this.text.slice(this.at - 1, this.at + 2))?.[0];
    if (octal !== undefined) {
      this.at += 2;
      return String.fromCodePoint(Number.parseInt(octal, 8));
    }
    throw new FilterSyntaxError(`invalid escape '\\${char}' at position ${this.at - 2}`);
  }
}
