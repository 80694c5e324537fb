// Writes a syntax tree as text, with brackets only where the public grammar needs them. It has its own table of how tightly operators
// bind, written from the grammar, so that it checks the parser's. And trees at random, of the shapes that a parser can make.
import fc from 'fast-check';
import type { ArithmeticOp, Node, PathNode, Step } from '../../src/expr/ast.js';

/** Tightest first. */
const levels: readonly (readonly string[])[] = [
  ['like', '=~', '!~'],
  ['**'],
  ['prefix'],
  ['*', '/', '%'],
  ['+', '-'],
  ['<<', '>>'],
  ['in'],
  ['<', '<=', '>', '>='],
  ['==', '!='],
  ['not'],
  ['&'],
  ['^'],
  ['|'],
  ['and'],
  ['or'],
];
/** How tightly an operator binds; single operands bind tighter than all. */
const strengthOf = (op: string): number => levels.length - levels.findIndex((level) => level.includes(op));
const ALONE = levels.length + 1;

function nodeStrength(node: Node): number {
  switch (node.kind) {
    case 'unary':
      return strengthOf('prefix');
    case 'not':
      return strengthOf('not');
    case 'arithmetic':
    case 'match':
    case 'compare':
      return strengthOf(node.op);
    case 'chain':
      return strengthOf(node.firstOp);
    case 'in':
    case 'and':
    case 'or':
      return strengthOf(node.kind);
    default:
      return ALONE;
  }
}

const quoted = (text: string): string =>
  `"${text.replace(/[\\"]/g, '\\$&').replace(/[\n\r\t]/g, (char) => ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' })[char] ?? '')}"`;
const stepText = (step: Step): string =>
  step.kind === 'key'
    ? `[${quoted(step.key)}]`
    : step.kind === 'index'
      ? `[${step.index}]`
      : `[${step.name}]`;
const doubleText = (value: number): string =>
  Number.isInteger(value) && value < 1e21 ? `${value}.0` : String(value);

/** In brackets when it binds less tightly than `strength`. A prefix at the left end reaches as far right as it can. */
function inside(node: Node, strength: number): string {
  const text = filterText(node);
  return nodeStrength(node) < strength ? `(${text})` : text;
}
/** The left operand of something: one that ends in a loosely binding prefix would swallow what follows. */
const left = (node: Node, strength: number): string =>
  endsInNot(node) ? `(${filterText(node)})` : inside(node, strength);

function endsInNot(node: Node): boolean {
  switch (node.kind) {
    case 'not':
      return true;
    case 'unary':
    case 'exists':
      return endsInNot(node.operand);
    case 'arithmetic':
    case 'compare':
      return endsInNot(node.right);
    case 'match':
      return endsInNot(node.pattern);
    case 'chain':
      return endsInNot(node.last);
    case 'in':
      return endsInNot(node.list);
    case 'and':
    case 'or':
      return endsInNot(node.operands.at(-1) as Node);
    default:
      return false;
  }
}

export function filterText(node: Node): string {
  switch (node.kind) {
    case 'bool':
    case 'int':
      return String(node.value);
    case 'double':
      return doubleText(node.value);
    case 'string':
      return quoted(node.value);
    case 'iso':
    case 'interval':
      return `${node.kind.toUpperCase()} ${quoted(node.text)}`;
    case 'ints':
      return `[${[...node.values].join(', ')}]`;
    case 'strings':
      return `[${node.values.map(quoted).join(',')}]`;
    case 'list':
      return `[${node.elements.map(filterText).join(', ')}]`;
    case 'path':
      return `${node.name}${node.steps.map(stepText).join('')}`;
    case 'current':
      return node.member === undefined ? '$' : `$[${node.member}]`;
    case 'template':
      return `{${node.name}}`;
    case 'unary':
      return `${node.op} ${inside(node.operand, strengthOf('prefix'))}`;
    case 'not':
      return `not ${inside(node.operand, strengthOf('=='))}`;
    case 'exists':
      return node.operand.kind === 'path' && node.operand.name !== 'is'
        ? `exists ${filterText(node.operand)}`
        : `exists (${filterText(node.operand)})`;
    case 'is-null':
      return `${filterText(node.operand)} is ${node.negated ? 'not ' : ''}null`;
    case 'call':
      return `${node.name}(${[...node.args.map(filterText), ...node.options.map((option) => `${option.name} = ${filterText(option.value)}`)].join(', ')})`;
    case 'in': {
      const strength = strengthOf('in');
      return `${left(node.operand, strength)} ${node.negated ? 'not in' : 'in'} ${inside(node.list, strength + 1)}`;
    }
    case 'and':
    case 'or': {
      const strength = strengthOf(node.kind);
      const last = node.operands.length - 1;
      return node.operands
        .map((operand, at) => (at < last ? left(operand, strength + 1) : inside(operand, strength + 1)))
        .join(` ${node.kind} `);
    }
    case 'chain': {
      const strength = strengthOf(node.firstOp) + 1;
      return `${left(node.first, strength)} ${node.firstOp} ${left(node.middle, strength)} ${node.lastOp} ${inside(node.last, strength)}`;
    }
    case 'match': {
      const strength = strengthOf(node.op);
      return `${left(node.operand, strength)} ${node.op} ${inside(node.pattern, strength + 1)}`;
    }
    case 'compare': {
      // A comparison of order at the left of another would be read as a chain.
      const strength = strengthOf(node.op) + (node.op.startsWith('<') || node.op.startsWith('>') ? 1 : 0);
      return `${left(node.left, strength)} ${node.op} ${inside(node.right, strengthOf(node.op) + 1)}`;
    }
    case 'arithmetic': {
      const strength = strengthOf(node.op);
      return `${left(node.left, strength)} ${node.op} ${inside(node.right, strength + 1)}`;
    }
  }
}

/** A tree without the places that it was read from. */
export function withoutSpans(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSpans);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'begin' && key !== 'end')
      .map(([key, inner]) => [key, withoutSpans(inner)]),
  );
}

const at = { begin: 0, end: 0 };
const names = fc.constantFrom(
  'a',
  'b1',
  '_c',
  'age',
  '$meta',
  'exists',
  'iso',
  'is',
  'null',
  'json_contains',
);
const calls = fc.constantFrom('json_contains', 'array_length', 'f', 'text_match', 'st_within');
const int64s = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.string({ unit: 'grapheme' }).map((key): Step => ({ kind: 'key', key })),
  fc.nat(1000).map((index): Step => ({ kind: 'index', index })),
  names.map((name): Step => ({ kind: 'member', name })),
);
const path: fc.Arbitrary<PathNode> = fc
  .tuple(names, fc.array(step, { maxLength: 3 }))
  .map(([name, steps]) => ({ kind: 'path', name, steps, ...at }));
const isPlain = (elements: readonly Node[]): boolean =>
  elements.length > 0 &&
  (elements.every((node) => node.kind === 'string') ||
    elements.every(
      (node) =>
        node.kind === 'int' || (node.kind === 'unary' && node.op !== '~' && node.operand.kind === 'int'),
    ));

const alone: fc.Arbitrary<Node> = fc.oneof(
  path,
  fc.boolean().map((value): Node => ({ kind: 'bool', value, ...at })),
  fc.bigInt({ min: 0n, max: 2n ** 70n }).map((value): Node => ({ kind: 'int', value, ...at })),
  fc
    .double({ noNaN: true, min: 0, noDefaultInfinity: true })
    .map((value): Node => ({ kind: 'double', value: value === 0 ? 0 : value, ...at })),
  fc.string({ unit: 'grapheme' }).map((value): Node => ({ kind: 'string', value, ...at })),
  fc.string().map((text): Node => ({ kind: 'iso', text, ...at })),
  fc.string().map((text): Node => ({ kind: 'interval', text, ...at })),
  fc
    .array(int64s, { minLength: 1 })
    .map((values): Node => ({ kind: 'ints', values: BigInt64Array.from(values), ...at })),
  fc.array(fc.string(), { minLength: 1 }).map((values): Node => ({ kind: 'strings', values, ...at })),
  fc.option(names).map((name): Node => ({ kind: 'current', member: name ?? undefined, ...at })),
  fc.constantFrom('x', 'ids').map((name): Node => ({ kind: 'template', name, ...at })),
);
const arithmeticOps: readonly ArithmeticOp[] = ['+', '-', '*', '/', '%', '**', '<<', '>>', '&', '|', '^'];

/** Trees that the parser can make. */
export const syntaxTrees: fc.Arbitrary<Node> = fc.letrec<{ node: Node }>((tie) => {
  const node = tie('node');
  return {
    node: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      alone,
      fc
        .tuple(fc.constantFrom('+', '-', '~'), node)
        .map(([op, operand]): Node => ({ kind: 'unary', op, operand, ...at }) as Node),
      node.map((operand): Node => ({ kind: 'not', operand, ...at })),
      node.map((operand): Node => ({ kind: 'exists', operand, ...at })),
      fc
        .tuple(fc.constantFrom(...arithmeticOps), node, node)
        .map(([op, a, b]): Node => ({ kind: 'arithmetic', op, left: a, right: b, ...at })),
      fc
        .tuple(fc.constantFrom('==', '!=', '<', '<=', '>', '>='), node, node)
        .map(([op, a, b]): Node => ({ kind: 'compare', op, left: a, right: b, ...at }) as Node),
      fc
        .tuple(fc.constantFrom(['<', '<='], ['<', '<'], ['>=', '>'], ['>', '>']), node, node, node)
        .map(
          ([[firstOp, lastOp], first, middle, last]): Node =>
            ({ kind: 'chain', first, firstOp, middle, lastOp, last, ...at }) as Node,
        ),
      fc
        .tuple(fc.constantFrom('like', '=~', '!~'), node, node)
        .map(([op, operand, pattern]): Node => ({ kind: 'match', op, operand, pattern, ...at }) as Node),
      fc
        .tuple(fc.boolean(), node, node)
        .map(([negated, operand, list]): Node => ({ kind: 'in', negated, operand, list, ...at })),
      fc
        .tuple(fc.boolean(), path)
        .map(([negated, operand]): Node => ({ kind: 'is-null', negated, operand, ...at })),
      fc
        .tuple(fc.constantFrom('and', 'or'), fc.array(node, { minLength: 2, maxLength: 4 }))
        .map(([kind, operands]): Node => ({ kind, operands, ...at }) as Node),
      fc
        .array(node, { maxLength: 3 })
        .filter((elements) => !isPlain(elements))
        .map((elements): Node => ({ kind: 'list', elements, ...at })),
      fc
        .tuple(
          calls,
          fc.array(node, { maxLength: 3 }),
          fc.array(
            fc.tuple(
              names.map((name) => name.toLowerCase()),
              node,
            ),
            { maxLength: 2 },
          ),
        )
        .map(
          ([name, args, options]): Node => ({
            kind: 'call',
            name,
            args,
            options: options.map(([option, value]) => ({ name: option, value, ...at })),
            ...at,
          }),
        ),
    ),
  };
}).node;
