// Reads a filter into its syntax tree: operator precedence by strength (Pratt), written by hand and without recursion. What is begun and
// waits for an operand stands on a stack of our own, every character is looked at a bounded number of times, and the tree has a bounded
// height: so no text can hold up or overflow the reader, or whoever walks the tree.
import type { Node, PathNode, Span, Step } from '#expr/ast.js';
import { Lexer, type Token } from './lexer.js';
import { EQUALITY, EXISTS, IN, type Infix, infixOf, isOp, isWord, PREFIX, RELATION } from './operators.js';
import { LIST_LENGTH_MAX, readPlainList } from './plain-list.js';
import { FilterSyntaxError } from './syntax-error.js';

/** Words and signs of a filter, but for plain lists. Nobody writes so many by hand, and more would keep everybody else waiting. */
export const TOKENS_MAX = 100_000;
/** Brackets inside brackets, and signs or `not` before one operand. */
export const DEPTH_MAX = 1000;
/** Nodes below one another. A run of `and`s is one node, brackets are none. */
const HEIGHT_MAX = DEPTH_MAX + 64;
/** Where an index into an array is too large. */
const INDEX_MAX = 2 ** 31;

type BinaryInfix = Extract<Infix, { kind: 'arithmetic' | 'compare' | 'match' }>;
type LogicInfix = Extract<Infix, { kind: 'and' | 'or' }>;
type Option = Span & { readonly name: string; readonly value: Node };

/** What is begun and waits for an operand, in which operators bind at least as tightly as `strength`. */
type Pending = { readonly strength: number; readonly begin: number } & (
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

const reserved: ReadonlySet<string> = new Set(['and', 'AND', 'or', 'OR', 'in', 'IN', 'like', 'LIKE']);
const OPERAND = "a value, a field or '('";

/** @throws FilterSyntaxError */
export function parseFilter(text: string): Node {
  return new Parser(new Lexer(text)).parse();
}

export class Parser {
  readonly #lexer: Lexer;
  readonly #pending: Pending[] = [];
  /** Beside `#pending`: the height of what each holds so far. */
  readonly #heights: number[] = [];
  /** Of the operand that was read last. */
  #height = 0;
  #depth = 0;
  #tokenCount = 0;

  constructor(lexer: Lexer) {
    this.#lexer = lexer;
  }

  /** @throws FilterSyntaxError */
  parse(): Node {
    for (;;) {
      // An operand is wanted. Undefined: something was begun that wants one itself.
      let node = this.#begin();
      while (node !== undefined) {
        const infix = infixOf(this.#lexer.peek());
        if (infix !== undefined && infix.strength >= (this.#pending.at(-1)?.strength ?? 0)) {
          this.#beginInfix(node, infix);
          break;
        }
        const pending = this.#pending.pop();
        if (pending === undefined) return this.#end(node);
        node = this.#complete(pending, node);
      }
    }
  }

  #end(node: Node): Node {
    const token = this.#next();
    if (token.kind !== 'end') throw unexpected(token, 'an operator or the end');
    return node;
  }

  #next(): Token {
    if (++this.#tokenCount > TOKENS_MAX) {
      throw new FilterSyntaxError(
        `the expression has more than ${TOKENS_MAX} words and signs, expected at most so many`,
      );
    }
    return this.#lexer.next();
  }

  /** Puts something on the stack that holds operands of this height so far. */
  #push(pending: Pending, height: number): undefined {
    this.#pending.push(pending);
    this.#heights.push(height);
  }

  /** As `push`, for what counts as one level of brackets or prefixes. */
  #open(pending: Pending, height = 0): undefined {
    if (++this.#depth > DEPTH_MAX) throw tooDeep();
    return this.#push(pending, height);
  }

  /** A node above the operands that were held and the one that was read last. */
  #above<T extends Node>(held: number, node: T): T {
    this.#height = Math.max(this.#height, held) + 1;
    if (this.#height > HEIGHT_MAX) throw tooDeep();
    return node;
  }

  /** Something without operands. */
  #alone<T extends Node>(node: T): T {
    this.#height = 1;
    return node;
  }

  #beginInfix(left: Node, infix: Infix): void {
    const token = this.#next();
    const { strength } = infix;
    const begin = left.begin;
    if (infix.kind === 'and' || infix.kind === 'or') {
      this.#push({ kind: 'logic', infix, operands: [left], begin, strength: strength + 1 }, this.#height);
    } else if (infix.kind === 'in') {
      const negated = isWord(token, 'not');
      const verb = negated ? this.#next() : token;
      if (!isWord(verb, 'in')) throw unexpected(verb, "'in'");
      this.#push({ kind: 'in', negated, operand: left, begin, strength: IN + 1 }, this.#height);
    } else if (strength === RELATION) {
      this.#push(
        { kind: 'relation', op: relationOp(token), left, begin, strength: RELATION + 1 },
        this.#height,
      );
    } else this.#push({ kind: 'binary', infix, left, begin, strength: strength + 1 }, this.#height);
  }

  /** Gives what was begun its operand. Undefined: it wants another one. */
  #complete(pending: Pending, operand: Node): Node | undefined {
    const held = this.#heights.pop() ?? 0;
    const { begin } = pending;
    const { end } = operand;
    switch (pending.kind) {
      case 'group':
        this.#expect(')', 'an operator or the closing bracket');
        this.#depth--;
        return operand;
      case 'prefix':
        this.#depth--;
        if (pending.op === 'not' || pending.op === 'exists')
          return this.#above(0, { kind: pending.op, operand, begin, end });
        return this.#above(0, { kind: 'unary', op: pending.op, operand, begin, end });
      case 'binary':
        return this.#above(held, binary(pending.infix, pending.left, operand));
      case 'logic':
        return this.#logic(pending, operand, held);
      case 'in':
        return this.#above(held, {
          kind: 'in',
          negated: pending.negated,
          operand: pending.operand,
          list: operand,
          begin,
          end,
        });
      case 'relation':
        return this.#relation(pending, operand, held);
      case 'chain': {
        const { first, firstOp, middle, lastOp } = pending;
        return this.#above(held, {
          kind: 'chain',
          first,
          firstOp,
          middle,
          lastOp,
          last: operand,
          begin,
          end,
        });
      }
      case 'list':
        return this.#element(pending, operand, held);
      case 'call':
        return this.#argument(pending, operand, held);
      case 'option':
        return this.#option(pending, operand);
    }
  }

  /** A run of `and`s, or of `or`s, is one node. */
  #logic(pending: Pending & { kind: 'logic' }, operand: Node, held: number): Node | undefined {
    const { infix, operands, begin } = pending;
    operands.push(operand);
    if (infixOf(this.#lexer.peek()) !== infix)
      return this.#above(held, { kind: infix.kind, operands, begin, end: operand.end });
    this.#next();
    return this.#push(pending, Math.max(held, this.#height));
  }

  /** `a < b`, or the beginning of the chain `a < b <= c`. */
  #relation(
    { op, left, begin }: Pending & { kind: 'relation' },
    right: Node,
    held: number,
  ): Node | undefined {
    const token = this.#lexer.peek();
    if (infixOf(token)?.strength !== RELATION)
      return this.#above(held, { kind: 'compare', op, left, right, begin, end: right.end });
    this.#next();
    const lastOp = relationOp(token);
    if (op[0] !== lastOp[0]) {
      throw new FilterSyntaxError(
        `'${lastOp}' does not continue '${op}', expected a range like 1 < a <= 9`,
        token.begin,
      );
    }
    const chain = { first: left, firstOp: op, middle: right, lastOp } as const;
    return this.#push(
      { kind: 'chain', ...chain, begin, strength: RELATION + 1 },
      Math.max(held, this.#height),
    );
  }

  /** What begins where an operand is wanted. Undefined: it wants an operand itself. */
  #begin(): Node | undefined {
    const token = this.#next();
    const { begin, end } = token;
    switch (token.kind) {
      case 'int':
        return this.#alone({ kind: 'int', value: token.value, begin, end });
      case 'float':
        return this.#alone({ kind: 'double', value: token.value, begin, end });
      case 'string':
        return this.#alone({ kind: 'string', value: token.value, begin, end });
      case 'template':
        return this.#alone({ kind: 'template', name: token.name, begin, end });
      case 'word':
        return this.#beginWord(token);
      case 'op':
        return this.#beginSign(token);
      default:
        throw unexpected(token, OPERAND);
    }
  }

  #beginSign(token: Token & { kind: 'op' }): Node | undefined {
    const { begin, text: op } = token;
    if (op === '(') return this.#open({ kind: 'group', begin, strength: 0 });
    if (op === '!') return this.#open({ kind: 'prefix', op: 'not', begin, strength: EQUALITY });
    if (op === '+' || op === '-' || op === '~')
      return this.#open({ kind: 'prefix', op, begin, strength: PREFIX });
    if (op !== '[') throw unexpected(token, OPERAND);
    const plain = readPlainList(this.#lexer, begin);
    if (plain !== undefined) return this.#alone(plain);
    if (isOp(this.#lexer.peek(), ']')) {
      return this.#alone({ kind: 'list', elements: [], begin, end: this.#next().end });
    }
    return this.#open({ kind: 'list', elements: [], begin, strength: 0 });
  }

  #beginWord(token: Token & { kind: 'word' }): Node | undefined {
    const { text, begin, end } = token;
    if (reserved.has(text)) throw unexpected(token, OPERAND);
    if (isWord(token, 'not')) return this.#open({ kind: 'prefix', op: 'not', begin, strength: EQUALITY });
    const following = this.#lexer.peek();
    if (isWord(token, 'exists') && beginsPath(following)) {
      return this.#open({ kind: 'prefix', op: 'exists', begin, strength: EXISTS });
    }
    if (isOp(following, '(')) return this.#beginCall(token);
    if (/^(?:true|True|TRUE)$/.test(text)) return this.#alone({ kind: 'bool', value: true, begin, end });
    if (/^(?:false|False|FALSE)$/.test(text)) return this.#alone({ kind: 'bool', value: false, begin, end });
    if (following.kind === 'string' && (isWord(token, 'iso') || isWord(token, 'interval'))) {
      this.#next();
      return this.#alone({
        kind: isWord(token, 'iso') ? 'iso' : 'interval',
        text: following.value,
        begin,
        end: following.end,
      });
    }
    return this.#nullTest(this.#alone(text === '$' ? this.#current(token) : this.#path(token)));
  }

  #current({ begin, end }: Token): Node {
    if (!isOp(this.#lexer.peek(), '[')) return { kind: 'current', member: undefined, begin, end };
    this.#next();
    const member = this.#next();
    if (member.kind !== 'word') throw unexpected(member, 'the name of a field of the struct');
    const close = this.#expect(']', 'the closing bracket');
    return { kind: 'current', member: member.text, begin, end: close.end };
  }

  #path({ text, begin, end }: Token & { kind: 'word' }): PathNode {
    const steps: Step[] = [];
    let last = end;
    while (isOp(this.#lexer.peek(), '[')) {
      this.#next();
      steps.push(this.#step());
      last = this.#expect(']', 'the closing bracket').end;
    }
    return { kind: 'path', name: text, steps, begin, end: last };
  }

  #step(): Step {
    const token = this.#next();
    if (token.kind === 'string') return { kind: 'key', key: token.value };
    if (token.kind === 'word') return { kind: 'member', name: token.text };
    if (token.kind !== 'int') throw unexpected(token, 'a key in quotes, an index or the name of a field');
    if (token.value < INDEX_MAX) return { kind: 'index', index: Number(token.value) };
    throw new FilterSyntaxError(
      `the index ${token.value} is too large, expected one below ${INDEX_MAX}`,
      token.begin,
    );
  }

  /** `is null` and `is not null` belong to the name before them. */
  #nullTest(operand: Node): Node {
    if (!isWord(this.#lexer.peek(), 'is')) return operand;
    this.#next();
    let token = this.#next();
    const negated = isWord(token, 'not');
    if (negated) token = this.#next();
    if (!isWord(token, 'null')) throw unexpected(token, negated ? "'null'" : "'null' or 'not null'");
    return this.#above(0, { kind: 'is-null', negated, operand, begin: operand.begin, end: token.end });
  }

  /** An element of a list; a comma may stand behind the last one. */
  #element(pending: Pending & { kind: 'list' }, element: Node, held: number): Node | undefined {
    const { elements, begin } = pending;
    elements.push(element);
    if (elements.length > LIST_LENGTH_MAX)
      throw new FilterSyntaxError(`the list has more than ${LIST_LENGTH_MAX} elements`, begin);
    const end = this.#separator(']', 'of the list');
    if (end === undefined) return this.#push(pending, Math.max(held, this.#height));
    this.#depth--;
    return this.#above(held, { kind: 'list', elements, begin, end });
  }

  #beginCall({ text, begin }: Token & { kind: 'word' }): Node | undefined {
    this.#next();
    const name = text.toLowerCase();
    if (!isOp(this.#lexer.peek(), ')'))
      return this.#open({ kind: 'call', name, args: [], options: [], begin, strength: 0 });
    return this.#alone({ kind: 'call', name, args: [], options: [], begin, end: this.#next().end });
  }

  #argument(pending: Pending & { kind: 'call' }, argument: Node, held: number): Node | undefined {
    if (isOp(this.#lexer.peek(), '=') && argument.kind === 'path' && argument.steps.length === 0) {
      this.#next();
      this.#push(pending, held);
      return this.#open({
        kind: 'option',
        name: argument.name.toLowerCase(),
        begin: argument.begin,
        strength: 0,
      });
    }
    if (pending.options.length > 0) {
      throw new FilterSyntaxError('an argument without a name stands behind one with a name', argument.begin);
    }
    pending.args.push(argument);
    return this.#afterArgument(pending, Math.max(held, this.#height));
  }

  #option({ name, begin }: Pending & { kind: 'option' }, value: Node): Node | undefined {
    this.#depth--;
    const call = this.#pending.pop();
    if (call?.kind !== 'call') throw new FilterSyntaxError('an option stands outside a call', begin);
    call.options.push({ name, value, begin, end: value.end });
    return this.#afterArgument(call, Math.max(this.#heights.pop() ?? 0, this.#height));
  }

  #afterArgument(pending: Pending & { kind: 'call' }, held: number): Node | undefined {
    const end = this.#separator(')', 'of the call');
    if (end === undefined) return this.#push(pending, held);
    this.#depth--;
    const { name, args, options, begin } = pending;
    return this.#above(held, { kind: 'call', name, args, options, begin, end });
  }

  /** Takes the comma to the next element, or the closing bracket and says where it ends. */
  #separator(close: ')' | ']', what: string): number | undefined {
    const token = this.#next();
    if (isOp(token, close)) return token.end;
    if (!isOp(token, ',')) throw unexpected(token, `',' or the closing bracket ${what}`);
    return isOp(this.#lexer.peek(), close) ? this.#next().end : undefined;
  }

  #expect(op: string, what: string): Token {
    const token = this.#next();
    if (!isOp(token, op)) throw unexpected(token, what);
    return token;
  }
}

function binary(infix: BinaryInfix, left: Node, right: Node): Node {
  const span = { begin: left.begin, end: right.end };
  if (infix.kind === 'match') return { kind: 'match', op: infix.op, operand: left, pattern: right, ...span };
  if (infix.kind === 'compare') return { kind: 'compare', op: infix.op, left, right, ...span };
  return { kind: 'arithmetic', op: infix.op, left, right, ...span };
}

function relationOp(token: Token): RelationOp {
  if (
    token.kind === 'op' &&
    (token.text === '<' || token.text === '<=' || token.text === '>' || token.text === '>=')
  ) {
    return token.text;
  }
  throw unexpected(token, 'a comparison');
}

/** Behind `exists`: else that is the name of a field, as in `exists == 1` and `exists is null`. */
const beginsPath = (token: Token): boolean =>
  isOp(token, '(') || (token.kind === 'word' && infixOf(token) === undefined && !isWord(token, 'is'));

const tooDeep = (): FilterSyntaxError =>
  new FilterSyntaxError(`the expression is nested deeper than ${DEPTH_MAX} levels, expected at most so many`);

function unexpected(token: Token, expected: string): FilterSyntaxError {
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
