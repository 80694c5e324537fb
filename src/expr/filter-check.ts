// Tells a filter that is well formed but not for this version from one that is no filter at all.
// A state machine over tokens with an explicit stack of brackets: no depth of nesting can overflow ours.
import type { Lexer, Token } from '#expr/parse/lexer.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';

export interface FilterFacts {
  /** Names used as operands, in order of appearance. */
  readonly names: readonly string[];
  /** The filter is one literal or one name, so it says nothing true or false. */
  readonly isBareOperand: boolean;
}

/** Tokens of a filter that is no list of keys. Nobody writes so many by hand, and reading more would keep everybody else waiting. */
export const TOKENS_MAX = 100_000;
/** Brackets inside brackets, and signs or `not` before one operand. */
export const DEPTH_MAX = 1000;

type Opened = 'group' | 'list' | 'index' | 'call';

const binaryOps: ReadonlySet<string> = new Set([
  '+',
  '-',
  '*',
  '/',
  '%',
  '**',
  '<<',
  '>>',
  '<',
  '<=',
  '>',
  '>=',
  '==',
  '!=',
  '&',
  '^',
  '|',
  '&&',
  '||',
  '=~',
  '!~',
]);

const binaryWords: ReadonlySet<string> = new Set(['and', 'AND', 'or', 'OR', 'like', 'LIKE']);
const unaryOps: ReadonlySet<string> = new Set(['+', '-', '~', '!']);
const unaryWords: ReadonlySet<string> = new Set(['not', 'NOT', 'exists', 'EXISTS']);
const literalWords: ReadonlySet<string> = new Set([
  'true',
  'True',
  'TRUE',
  'false',
  'False',
  'FALSE',
  'null',
  'NULL',
]);

/** Words before a string literal that only say how to read it. */
const stringWords: ReadonlySet<string> = new Set(['iso', 'ISO', 'interval', 'INTERVAL']);

/** Reads the whole filter. @throws FilterSyntaxError */
export function checkFilterSyntax(lexer: Lexer): FilterFacts {
  const check = new FilterChecker(lexer);
  return check.run();
}

class FilterChecker {
  private readonly lexer: Lexer;
  private readonly opened: Opened[] = [];
  private readonly names = new Set<string>();
  private tokenCount = 0;
  private unaryCount = 0;
  private operandCount = 0;
  private operatorCount = 0;
  /** A closing bracket may follow: just after an opening one or a comma. */
  private mayClose = false;

  constructor(lexer: Lexer) {
    this.lexer = lexer;
  }

  run(): FilterFacts {
    let wantsOperand = true;
    for (;;) {
      const token = this.lexer.next();
      if (++this.tokenCount > TOKENS_MAX) {
        throw new FilterSyntaxError(
          `the expression has more than ${TOKENS_MAX} words and signs, expected at most so many`,
        );
      }
      if (token.kind === 'end') {
        if (wantsOperand || this.opened.length > 0)
          throw new FilterSyntaxError('unexpected end of the expression');
        return { names: [...this.names], isBareOperand: this.operandCount === 1 && this.operatorCount === 0 };
      }
      wantsOperand = wantsOperand ? this.takeOperand(token) : this.takeOperator(token);
      if (!wantsOperand) this.unaryCount = 0;
    }
  }

  /** @returns whether an operand is wanted next */
  private takeOperand(token: Token): boolean {
    const mayClose = this.mayClose;
    this.mayClose = false;
    if (token.kind === 'word') return this.takeWord(token.text);
    if (token.kind !== 'op') {
      this.operandCount++;
      return false;
    }
    if (token.text === '(' || token.text === '[') {
      this.open(token.text === '(' ? 'group' : 'list');
      this.mayClose = token.text === '[';
      return true;
    }
    if (unaryOps.has(token.text)) return this.takeUnary();
    if (mayClose && (token.text === ')' || token.text === ']')) return this.close(token.text);
    return unexpected(token);
  }

  private takeWord(word: string): boolean {
    if (unaryWords.has(word)) return this.takeUnary();
    if (binaryWords.has(word) || word === 'in' || word === 'IN')
      return unexpected({ kind: 'word', text: word, begin: 0, end: 0 });
    const following = this.lexer.peek();
    if (following.kind === 'op' && following.text === '(') {
      this.lexer.next();
      this.open('call');
      this.operatorCount++;
      this.mayClose = true;
      return true;
    }
    this.operandCount++;
    if (following.kind === 'string' && stringWords.has(word)) this.lexer.next();
    else if (following.kind === 'op' && following.text === '=' && this.opened.at(-1) === 'call')
      this.takeNamedArgument();
    else if (!literalWords.has(word)) this.names.add(word);
    return false;
  }

  /** `name=value` in a call. */
  private takeNamedArgument(): void {
    this.lexer.next();
    const value = this.lexer.next();
    if (value.kind === 'end' || value.kind === 'op') unexpected(value);
  }

  private takeOperator(token: Token): boolean {
    if (token.kind === 'word') return this.takeOperatorWord(token);
    if (token.kind !== 'op') return unexpected(token);
    if (binaryOps.has(token.text)) {
      this.operatorCount++;
      return true;
    }
    if (token.text === ',') {
      const inside = this.opened.at(-1);
      if (inside !== 'list' && inside !== 'call') return unexpected(token);
      this.mayClose = inside === 'list';
      return true;
    }
    if (token.text === '[') {
      this.open('index');
      return true;
    }
    return token.text === ')' || token.text === ']' ? this.close(token.text) : unexpected(token);
  }

  private takeOperatorWord(token: Token & { kind: 'word' }): boolean {
    this.operatorCount++;
    if (binaryWords.has(token.text)) return true;
    if (/^(?:is|IS)$/.test(token.text)) {
      let value = this.lexer.next();
      if (value.kind === 'word' && /^(?:not|NOT)$/.test(value.text)) value = this.lexer.next();
      return value.kind === 'word' && /^(?:null|NULL)$/.test(value.text) ? false : unexpected(value);
    }
    const isNegated = /^(?:not|NOT)$/.test(token.text);
    const verb = isNegated ? this.lexer.next() : token;
    if (verb.kind !== 'word' || !/^(?:in|IN)$/.test(verb.text)) return unexpected(verb);
    const list = this.lexer.peek();
    if (list.kind !== 'template' && !(list.kind === 'op' && list.text === '[') && list.kind !== 'end') {
      throw new FilterSyntaxError("the right-hand side of 'in' must be a list");
    }
    return true;
  }

  private open(bracket: Opened): void {
    this.opened.push(bracket);
    this.unaryCount = 0;
    checkDepth(this.opened.length);
  }

  private takeUnary(): boolean {
    this.operatorCount++;
    checkDepth(++this.unaryCount);
    return true;
  }

  private close(bracket: ')' | ']'): boolean {
    const inside = this.opened.pop();
    const isRound = inside === 'group' || inside === 'call';
    if (inside === undefined || isRound !== (bracket === ')'))
      return unexpected({ kind: 'op', text: bracket, begin: 0, end: 0 });
    if (inside === 'list') this.operandCount++;
    return false;
  }
}

/** The limit holds for every reader of filters, so that what is nested too deeply for a later one was never accepted by an earlier one. */
export function checkDepth(depth: number): void {
  if (depth > DEPTH_MAX)
    throw new FilterSyntaxError(
      `the expression is nested deeper than ${DEPTH_MAX} levels, expected at most so many`,
    );
}

function unexpected(token: Token): never {
  if (token.kind === 'end') throw new FilterSyntaxError('unexpected end of the expression');
  const text =
    token.kind === 'template' ? `{${token.name}}` : 'text' in token ? token.text : String(token.value);
  throw new FilterSyntaxError(`unexpected '${text.slice(0, 64)}'`);
}
