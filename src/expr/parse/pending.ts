// What the parser has begun and not finished: operators, brackets and calls that wait for an operand, as they are on its stack.
import type { Node, Span } from '#expr/ast.js';
import type { Token } from './lexer.js';
import type { Infix } from './operators.js';
import { unexpected } from './token-reader.js';

type BinaryInfix = Extract<Infix, { kind: 'arithmetic' | 'compare' | 'match' }>;
type LogicInfix = Extract<Infix, { kind: 'and' | 'or' }>;
type Option = Span & { readonly name: string; readonly value: Node };

/** What is begun and waits for an operand, in which operators bind at least as tightly as `strength`. */
export type Pending = { readonly strength: number; readonly begin: number } & (
  | { readonly kind: 'group' }
  | { readonly kind: 'list'; readonly elements: Node[] }
  | { readonly kind: 'call'; readonly name: string; readonly args: Node[]; readonly options: Option[] }
  | { readonly kind: 'option'; readonly name: string }
  | { readonly kind: 'prefix'; readonly op: '+' | '-' | '~' | 'not' | 'exists' }
  | { readonly kind: 'binary'; readonly infix: BinaryInfix; readonly left: Node }
  | { readonly kind: 'logic'; readonly infix: LogicInfix; readonly operands: Node[] }
  | { readonly kind: 'in'; readonly negated: boolean; readonly operand: Node }
  | { readonly kind: 'relation'; readonly op: RelationOp; readonly left: Node }
  | {
      readonly kind: 'chain';
      readonly first: Node;
      readonly firstOp: RelationOp;
      readonly middle: Node;
      readonly lastOp: RelationOp;
    }
);
type RelationOp = '<' | '<=' | '>' | '>=';

export function binaryNode(infix: BinaryInfix, left: Node, right: Node): Node {
  const span = { begin: left.begin, end: right.end };
  if (infix.kind === 'match') return { kind: 'match', op: infix.op, operand: left, pattern: right, ...span };
  if (infix.kind === 'compare') return { kind: 'compare', op: infix.op, left, right, ...span };
  return { kind: 'arithmetic', op: infix.op, left, right, ...span };
}

export function relationOp(token: Token): RelationOp {
  if (
    token.kind === 'op' &&
    (token.text === '<' || token.text === '<=' || token.text === '>' || token.text === '>=')
  ) {
    return token.text;
  }
  throw unexpected(token, 'a comparison');
}
