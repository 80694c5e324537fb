// The words and signs of a filter one after another, counted; and the error when one of them is not what was expected.
import type { Lexer, Token } from './lexer.js';
import { isOp } from './operators.js';
import { FilterSyntaxError } from './syntax-error.js';

/** Words and signs of a filter, but for plain lists. Nobody writes so many by hand, and more would keep everybody else waiting. */
export const TOKENS_MAX = 100_000;

export class TokenReader {
  /** The lexer, for readers that look at characters themselves. */
  readonly lexer: Lexer;
  #count = 0;

  constructor(lexer: Lexer) {
    this.lexer = lexer;
  }

  peek(): Token {
    return this.lexer.peek();
  }

  /** @throws FilterSyntaxError when there are too many */
  next(): Token {
    if (++this.#count > TOKENS_MAX) {
      throw new FilterSyntaxError(
        `the expression has more than ${TOKENS_MAX} words and signs, expected at most so many`,
      );
    }
    return this.lexer.next();
  }

  /** Takes the comma to the next element, or the closing bracket and says where it ends. */
  separator(close: ')' | ']', what: string): number | undefined {
    const token = this.next();
    if (isOp(token, close)) return token.end;
    if (!isOp(token, ',')) throw unexpected(token, `',' or the closing bracket ${what}`);
    return isOp(this.peek(), close) ? this.next().end : undefined;
  }

  expect(op: string, what: string): Token {
    const token = this.next();
    if (!isOp(token, op)) throw unexpected(token, what);
    return token;
  }
}

/** The error about a token that is where another is expected. */
export function unexpected(token: Token, expected: string): FilterSyntaxError {
  const what = token.kind === 'end' ? 'end of the expression' : `'${shownToken(token)}'`;
  return new FilterSyntaxError(`unexpected ${what}, expected ${expected}`, token.begin);
}

function shownToken(token: Token): string {
  const text =
    token.kind === 'template'
      ? `{${token.name}}`
      : 'text' in token
        ? token.text
        : 'value' in token
          ? String(token.value)
          : '';
  return text.length <= 64 ? text : `${text.slice(0, 64)}…`;
}
