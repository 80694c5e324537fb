// Reads names of fields with the steps into them, and the element that a match tests. No operand stands in them, so that nothing waits.
import type { Node, PathNode, Step } from '#expr/ast.js';
import type { Token } from './lexer.js';
import { isOp } from './operators.js';
import { FilterSyntaxError } from './syntax-error.js';
import { type TokenReader, unexpected } from './token-reader.js';

/** The least index into an array that is too large. */
const INDEX_MAX = 2 ** 31;

/** `$`, the element under test, or `$[member]`, a field of it. @throws FilterSyntaxError */
export function readCurrent(tokens: TokenReader, { begin, end }: Token): Node {
  if (!isOp(tokens.peek(), '[')) return { kind: 'current', member: undefined, begin, end };
  tokens.next();
  const member = tokens.next();
  if (member.kind !== 'word') throw unexpected(member, 'the name of a field of the struct');
  const close = tokens.expect(']', 'the closing bracket');
  return { kind: 'current', member: member.text, begin, end: close.end };
}

/** The name of a field and the steps into it: `a`, `a["k"][0]`. @throws FilterSyntaxError */
export function readPath(tokens: TokenReader, { text, begin, end }: Token & { kind: 'word' }): PathNode {
  const steps: Step[] = [];
  let last = end;
  while (isOp(tokens.peek(), '[')) {
    tokens.next();
    steps.push(readStep(tokens));
    last = tokens.expect(']', 'the closing bracket').end;
  }
  return { kind: 'path', name: text, steps, begin, end: last };
}

function readStep(tokens: TokenReader): Step {
  const token = tokens.next();
  if (token.kind === 'string') return { kind: 'key', key: token.value };
  if (token.kind === 'word') return { kind: 'member', name: token.text };
  if (token.kind !== 'int') throw unexpected(token, 'a key in quotes, an index or the name of a field');
  if (token.value < INDEX_MAX) return { kind: 'index', index: Number(token.value) };
  throw new FilterSyntaxError(
    `the index ${token.value} is too large, expected one below ${INDEX_MAX}`,
    token.begin,
  );
}
