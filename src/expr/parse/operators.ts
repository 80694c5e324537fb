// How tightly the signs between two operands bind: the order of the public grammar. All are left-associative.
import type { ArithmeticOp, ComparisonOp, MatchOp } from '#expr/ast.js';
import type { Token } from './lexer.js';

export type Infix =
  | { readonly kind: 'or'; readonly strength: number }
  | { readonly kind: 'and'; readonly strength: number }
  | { readonly kind: 'arithmetic'; readonly op: ArithmeticOp; readonly strength: number }
  | { readonly kind: 'compare'; readonly op: ComparisonOp; readonly strength: number }
  | { readonly kind: 'match'; readonly op: MatchOp; readonly strength: number }
  /** `in`, or the `not` of `not in`. */
  | { readonly kind: 'in'; readonly strength: number };

const arithmetic = (op: ArithmeticOp, strength: number): readonly [string, Infix] => [
  op,
  { kind: 'arithmetic', op, strength },
];
const compare = (op: ComparisonOp, strength: number): readonly [string, Infix] => [
  op,
  { kind: 'compare', op, strength },
];

/** `==` and `!=`; what `not` takes as its operand binds at least so tightly, so that `not a == 1` is `not (a == 1)`. */
export const EQUALITY = 6;
/** `<`, `<=`, `>`, `>=`. */
export const RELATION = 7;
export const IN = 8;
/** `+ - ~` before an operand. */
export const PREFIX = 12;
const MATCH = 14;
/** `exists` takes a path, or brackets. */
export const EXISTS = 15;

const or: Infix = { kind: 'or', strength: 1 };
const and: Infix = { kind: 'and', strength: 2 };
const isIn: Infix = { kind: 'in', strength: IN };
const like: Infix = { kind: 'match', op: 'like', strength: MATCH };

const signs: ReadonlyMap<string, Infix> = new Map([
  ['||', or],
  ['&&', and],
  arithmetic('|', 3),
  arithmetic('^', 4),
  arithmetic('&', 5),
  compare('==', EQUALITY),
  compare('!=', EQUALITY),
  compare('<', RELATION),
  compare('<=', RELATION),
  compare('>', RELATION),
  compare('>=', RELATION),
  arithmetic('<<', 9),
  arithmetic('>>', 9),
  arithmetic('+', 10),
  arithmetic('-', 10),
  arithmetic('*', 11),
  arithmetic('/', 11),
  arithmetic('%', 11),
  arithmetic('**', 13),
  ['=~', { kind: 'match', op: '=~', strength: MATCH }],
  ['!~', { kind: 'match', op: '!~', strength: MATCH }],
]);
/** Keywords are all lower or all upper case. */
const bothCases = (word: string, infix: Infix): readonly (readonly [string, Infix])[] => [
  [word, infix],
  [word.toUpperCase(), infix],
];
const words: ReadonlyMap<string, Infix> = new Map([
  ...bothCases('or', or),
  ...bothCases('and', and),
  ...bothCases('like', like),
  ...bothCases('in', isIn),
  ...bothCases('not', isIn),
]);

/** What a token is between two operands; undefined: it is none, and the expression before it ends. */
export function infixOf(token: Token): Infix | undefined {
  if (token.kind === 'op') return signs.get(token.text);
  return token.kind === 'word' ? words.get(token.text) : undefined;
}

export const isOp = (token: Token, text: string): boolean => token.kind === 'op' && token.text === text;
/** Keywords are all lower or all upper case. */
export const isWord = (token: Token, word: string): boolean =>
  token.kind === 'word' && (token.text === word || token.text === word.toUpperCase());
