// Reads a filter into its syntax tree: operator precedence by strength (Pratt), written by hand and without recursion. What is begun and
// waits for an operand is on a stack of our own, every character is looked at a bounded number of times, and the tree has a bounded
// height: so no text can hold up or overflow the reader, or whoever walks the tree.
import type { Node } from '#expr/ast.js';
import { Lexer, type Token } from './lexer.js';
import { EQUALITY, EXISTS, IN, type Infix, infixOf, isOp, isWord, PREFIX, RELATION } from './operators.js';
import { readCurrent, readPath } from './path.js';
import { binaryNode, type Pending, relationOp } from './pending.js';
import { LIST_LENGTH_MAX, readPlainList } from './plain-list.js';
import { FilterSyntaxError } from './syntax-error.js';
import { TokenReader, unexpected } from './token-reader.js';

/**
 * Brackets inside brackets, and signs or `not` before one operand. The bracket around an operand of the outermost `and` is not counted:
 * iterators put one around the filter that they were given, behind whose first page it would be refused.
 */
export const DEPTH_MAX = 1000;
/** Nodes below one another. A run of `and`s is one node, brackets are none. */
const HEIGHT_MAX = DEPTH_MAX + 64;

const reserved: ReadonlySet<string> = new Set(['and', 'AND', 'or', 'OR', 'in', 'IN', 'like', 'LIKE']);
const OPERAND = "a value, a field or '('";

/** @throws FilterSyntaxError */
export function parseFilter(text: string): Node {
  return new Parser(new Lexer(text)).parse();
}

export class Parser {
  readonly #tokens: TokenReader;
  readonly #pending: Pending[] = [];
  /** Beside `#pending`: the height of what each holds so far. */
  readonly #heights: number[] = [];
  /** Height of the operand that was read last. */
  #height = 0;
  #depth = 0;
  /** The most since the outermost bracket or prefix was opened, and whether that is a bracket. */
  #deepest = 0;
  #isBracket = false;

  constructor(lexer: Lexer) {
    this.#tokens = new TokenReader(lexer);
  }

  /** @throws FilterSyntaxError */
  parse(): Node {
    for (;;) {
      // An operand is wanted. Undefined: something was begun that wants one itself.
      let node = this.#begin();
      while (node !== undefined) {
        const infix = infixOf(this.#tokens.peek());
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
    const token = this.#tokens.next();
    if (token.kind !== 'end') throw unexpected(token, 'an operator or the end');
    return node;
  }

  /** Puts something on the stack that holds operands of this height so far. */
  #push(pending: Pending, height: number): undefined {
    this.#pending.push(pending);
    this.#heights.push(height);
  }

  /** As `push`, for what counts as one level of brackets or prefixes. */
  #open(pending: Pending, height = 0): undefined {
    const depth = ++this.#depth;
    if (depth === 1) this.#isBracket = pending.kind === 'group';
    this.#deepest = depth === 1 ? 1 : Math.max(this.#deepest, depth);
    if (depth > (this.#isBracket ? DEPTH_MAX + 1 : DEPTH_MAX)) throw tooDeep();
    return this.#push(pending, height);
  }

  /** Whether what was read is an operand of an `and` that no bracket holds. */
  #isInAnd(): boolean {
    const above = this.#pending.at(-1);
    if (above !== undefined)
      return this.#pending.length === 1 && above.kind === 'logic' && above.infix.kind === 'and';
    return infixOf(this.#tokens.peek())?.kind === 'and';
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
    const token = this.#tokens.next();
    const { strength } = infix;
    const begin = left.begin;
    if (infix.kind === 'and' || infix.kind === 'or') {
      this.#push({ kind: 'logic', infix, operands: [left], begin, strength: strength + 1 }, this.#height);
    } else if (infix.kind === 'in') {
      const negated = isWord(token, 'not');
      const verb = negated ? this.#tokens.next() : token;
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
        this.#tokens.expect(')', 'an operator or the closing bracket');
        this.#depth--;
        if (this.#depth === 0 && this.#deepest > DEPTH_MAX && !this.#isInAnd()) throw tooDeep();
        return operand;
      case 'prefix':
        this.#depth--;
        if (pending.op === 'not' || pending.op === 'exists')
          return this.#above(0, { kind: pending.op, operand, begin, end });
        return this.#above(0, { kind: 'unary', op: pending.op, operand, begin, end });
      case 'binary':
        return this.#above(held, binaryNode(pending.infix, pending.left, operand));
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
    if (infixOf(this.#tokens.peek()) !== infix)
      return this.#above(held, { kind: infix.kind, operands, begin, end: operand.end });
    this.#tokens.next();
    return this.#push(pending, Math.max(held, this.#height));
  }

  /** `a < b`, or the beginning of the chain `a < b <= c`. */
  #relation(
    { op, left, begin }: Pending & { kind: 'relation' },
    right: Node,
    held: number,
  ): Node | undefined {
    const token = this.#tokens.peek();
    if (infixOf(token)?.strength !== RELATION)
      return this.#above(held, { kind: 'compare', op, left, right, begin, end: right.end });
    this.#tokens.next();
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
    const token = this.#tokens.next();
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
    const plain = readPlainList(this.#tokens.lexer, begin);
    if (plain !== undefined) return this.#alone(plain);
    if (isOp(this.#tokens.peek(), ']')) {
      return this.#alone({ kind: 'list', elements: [], begin, end: this.#tokens.next().end });
    }
    return this.#open({ kind: 'list', elements: [], begin, strength: 0 });
  }

  #beginWord(token: Token & { kind: 'word' }): Node | undefined {
    const { text, begin, end } = token;
    if (reserved.has(text)) throw unexpected(token, OPERAND);
    if (isWord(token, 'not')) return this.#open({ kind: 'prefix', op: 'not', begin, strength: EQUALITY });
    const following = this.#tokens.peek();
    if (isWord(token, 'exists') && beginsPath(following)) {
      return this.#open({ kind: 'prefix', op: 'exists', begin, strength: EXISTS });
    }
    if (isOp(following, '(')) return this.#beginCall(token);
    if (/^(?:true|True|TRUE)$/.test(text)) return this.#alone({ kind: 'bool', value: true, begin, end });
    if (/^(?:false|False|FALSE)$/.test(text)) return this.#alone({ kind: 'bool', value: false, begin, end });
    if (following.kind === 'string' && (isWord(token, 'iso') || isWord(token, 'interval'))) {
      this.#tokens.next();
      return this.#alone({
        kind: isWord(token, 'iso') ? 'iso' : 'interval',
        text: following.value,
        begin,
        end: following.end,
      });
    }
    return this.#nullTest(
      this.#alone(text === '$' ? readCurrent(this.#tokens, token) : readPath(this.#tokens, token)),
    );
  }

  /** `is null` and `is not null` belong to the name before them. */
  #nullTest(operand: Node): Node {
    if (!isWord(this.#tokens.peek(), 'is')) return operand;
    this.#tokens.next();
    let token = this.#tokens.next();
    const negated = isWord(token, 'not');
    if (negated) token = this.#tokens.next();
    if (!isWord(token, 'null')) throw unexpected(token, negated ? "'null'" : "'null' or 'not null'");
    return this.#above(0, { kind: 'is-null', negated, operand, begin: operand.begin, end: token.end });
  }

  /** An element of a list; a comma may follow the last one. */
  #element(pending: Pending & { kind: 'list' }, element: Node, held: number): Node | undefined {
    const { elements, begin } = pending;
    elements.push(element);
    if (elements.length > LIST_LENGTH_MAX)
      throw new FilterSyntaxError(`the list has more than ${LIST_LENGTH_MAX} elements`, begin);
    const end = this.#tokens.separator(']', 'of the list');
    if (end === undefined) return this.#push(pending, Math.max(held, this.#height));
    this.#depth--;
    return this.#above(held, { kind: 'list', elements, begin, end });
  }

  #beginCall({ text, begin }: Token & { kind: 'word' }): Node | undefined {
    this.#tokens.next();
    const name = text.toLowerCase();
    if (!isOp(this.#tokens.peek(), ')'))
      return this.#open({ kind: 'call', name, args: [], options: [], begin, strength: 0 });
    return this.#alone({ kind: 'call', name, args: [], options: [], begin, end: this.#tokens.next().end });
  }

  #argument(pending: Pending & { kind: 'call' }, argument: Node, held: number): Node | undefined {
    if (isOp(this.#tokens.peek(), '=') && argument.kind === 'path' && argument.steps.length === 0) {
      this.#tokens.next();
      this.#push(pending, held);
      return this.#open({
        kind: 'option',
        name: argument.name.toLowerCase(),
        begin: argument.begin,
        strength: 0,
      });
    }
    if (pending.options.length > 0) {
      throw new FilterSyntaxError('an argument without a name comes after one with a name', argument.begin);
    }
    pending.args.push(argument);
    return this.#afterArgument(pending, Math.max(held, this.#height));
  }

  #option({ name, begin }: Pending & { kind: 'option' }, value: Node): Node | undefined {
    this.#depth--;
    const call = this.#pending.pop();
    if (call?.kind !== 'call') throw new FilterSyntaxError('an option is outside a call', begin);
    call.options.push({ name, value, begin, end: value.end });
    return this.#afterArgument(call, Math.max(this.#heights.pop() ?? 0, this.#height));
  }

  #afterArgument(pending: Pending & { kind: 'call' }, held: number): Node | undefined {
    const end = this.#tokens.separator(')', 'of the call');
    if (end === undefined) return this.#push(pending, held);
    this.#depth--;
    const { name, args, options, begin } = pending;
    return this.#above(held, { kind: 'call', name, args, options, begin, end });
  }
}

/** Behind `exists`: else that is the name of a field, as in `exists == 1` and `exists is null`. */
const beginsPath = (token: Token): boolean =>
  isOp(token, '(') || (token.kind === 'word' && infixOf(token) === undefined && !isWord(token, 'is'));

const tooDeep = (): FilterSyntaxError =>
  new FilterSyntaxError(`the expression is nested deeper than ${DEPTH_MAX} levels, expected at most so many`);
