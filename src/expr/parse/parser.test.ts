// Which tree each form of a filter becomes; what is refused is in parser-refusals.test.ts.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node } from '#expr/ast.js';
import { filterText, syntaxTrees, withoutSpans } from '../../../test/support/filter-text.js';
import { parseFilter } from './parser.js';

/** The tree in brackets, so that a table can show it on one line. */
function shape(node: Node): string {
  switch (node.kind) {
    case 'unary':
      return `(${node.op} ${shape(node.operand)})`;
    case 'not':
      return `(not ${shape(node.operand)})`;
    case 'exists':
      return `(exists ${shape(node.operand)})`;
    case 'is-null':
      return `(${shape(node.operand)} is${node.negated ? ' not' : ''} null)`;
    case 'arithmetic':
    case 'compare':
      return `(${shape(node.left)} ${node.op} ${shape(node.right)})`;
    case 'match':
      return `(${shape(node.operand)} ${node.op} ${shape(node.pattern)})`;
    case 'chain':
      return `(${shape(node.first)} ${node.firstOp} ${shape(node.middle)} ${node.lastOp} ${shape(node.last)})`;
    case 'in':
      return `(${shape(node.operand)}${node.negated ? ' not' : ''} in ${shape(node.list)})`;
    case 'and':
    case 'or':
      return `(${node.operands.map(shape).join(` ${node.kind} `)})`;
    case 'call':
      return `${node.name}(${[...node.args.map(shape), ...node.options.map((option) => `${option.name}=${shape(option.value)}`)].join(', ')})`;
    case 'list':
      return `[${node.elements.map(shape).join(', ')}]`;
    default:
      return filterText(node);
  }
}
const shapeOf = (text: string): string => shape(parseFilter(text));
const good: readonly (readonly [text: string, shape: string])[] = [
  ['a', 'a'],
  ['((a))', 'a'],
  ['a == 1', '(a == 1)'],
  ['a==1', '(a == 1)'],
  ["a != 'x'", '(a != "x")'],
  ['1 < a', '(1 < a)'],
  ['1 < a <= 9', '(1 < a <= 9)'],
  ['9 >= a > 1', '(9 >= a > 1)'],
  ['a + 1 < b * 2', '((a + 1) < (b * 2))'],
  ['a - b - c', '((a - b) - c)'],
  ['2 ** 3 ** 2', '((2 ** 3) ** 2)'],
  ['-2 ** 2', '(- (2 ** 2))'],
  ['2 ** -1', '(2 ** (- 1))'],
  ['-a * b', '((- a) * b)'],
  ['- - 1', '(- (- 1))'],
  ['+a', '(+ a)'],
  ['~a & 3', '((~ a) & 3)'],
  ['a % 2 == 0', '((a % 2) == 0)'],
  ['a / 2 * 3', '((a / 2) * 3)'],
  ['a << 1 + 2', '(a << (1 + 2))'],
  ['a >> 1', '(a >> 1)'],
  ['a & b ^ c | d', '(((a & b) ^ c) | d)'],
  ['a | b ^ c & d', '(a | (b ^ (c & d)))'],
  ['a & 1 == 1', '(a & (1 == 1))'],
  ['(a & 1) == 1', '((a & 1) == 1)'],
  ['a and b or c', '((a and b) or c)'],
  ['a or b and c', '(a or (b and c))'],
  ['a and b and c', '(a and b and c)'],
  ['(a and b) and c', '((a and b) and c)'],
  ['a && b || c', '((a and b) or c)'],
  ['a AND b OR NOT c', '((a and b) or (not c))'],
  ['not a == 1', '(not (a == 1))'],
  ['NOT color == "green"', '(not (color == "green"))'],
  ['!(a == 1)', '(not (a == 1))'],
  ['not a in [1]', '(not (a in [1]))'],
  ['not a and b', '((not a) and b)'],
  ['not a < 1 and b', '((not (a < 1)) and b)'],
  ['not not a', '(not (not a))'],
  ['not exists a["b"]', '(not (exists a["b"]))'],
  ['a in [1, 2,3,]', '(a in [1, 2, 3])'],
  ['a in [ ]', '(a in [])'],
  ['a IN["x",\'y\']', '(a in ["x","y"])'],
  ['a not in [1]', '(a not in [1])'],
  ['a NOT IN [true, false]', '(a not in [true, false])'],
  ['a in [-1, +2, 0x10, 0b11, 010]', '(a in [-1, 2, 16, 3, 8])'],
  ['a in [1, 2.5]', '(a in [1, 2.5])'],
  ['a in [1 + 1]', '(a in [(1 + 1)])'],
  ['a in [1, "x", true]', '(a in [1, "x", true])'],
  ['a in [[1, 2], ["x"]]', '(a in [[1, 2], ["x"]])'],
  ['a in {ids}', '(a in {ids})'],
  ['a in [9223372036854775808]', '(a in [9223372036854775808])'],
  ['a in [{x}]', '(a in [{x}])'],
  ['a + 1 in [2]', '((a + 1) in [2])'],
  ['a in [1] == true', '((a in [1]) == true)'],
  ['a in 5', '(a in 5)'],
  ['a like "x%"', '(a like "x%")'],
  ["a LIKE '%x'", '(a like "%x")'],
  ['a like "10\\%"', '(a like "10\\\\%")'],
  ['a like {p}', '(a like {p})'],
  ['a =~ "^x"', '(a =~ "^x")'],
  ['a !~ r"\\d+"', '(a !~ "\\\\d+")'],
  ['not a like "x"', '(not (a like "x"))'],
  ['a is null', '(a is null)'],
  ['a IS NOT NULL', '(a is not null)'],
  ['a["k"] is not null and b is null', '((a["k"] is not null) and (b is null))'],
  ['not a is null', '(not (a is null))'],
  ['exists a["k"]', '(exists a["k"])'],
  ['EXISTS $meta["k"]', '(exists $meta["k"])'],
  ['exists a and b', '((exists a) and b)'],
  ['exists == 1', '(exists == 1)'],
  ['a["k"][0]["x y"] == 1', '(a["k"][0]["x y"] == 1)'],
  ["a['it\\'s'] == 1", '(a["it\'s"] == 1)'],
  ['a[r"\\d"] == 1', '(a["\\\\d"] == 1)'],
  ['a [ 0 ] == 1', '(a[0] == 1)'],
  ['s[inner] == 1', '(s[inner] == 1)'],
  ['s[3][inner] == 1', '(s[3][inner] == 1)'],
  ['element_filter(s, $[x] > 1)', 'element_filter(s, ($[x] > 1))'],
  ['match_any(tags, $ == "a")', 'match_any(tags, ($ == "a"))'],
  ['MATCH_LEAST(s, $[x] > 1, threshold=2)', 'match_least(s, ($[x] > 1), threshold=2)'],
  ['json_contains(a["k"], [1, 2])', 'json_contains(a["k"], [1, 2])'],
  ['JSON_CONTAINS_ALL(a, {v})', 'json_contains_all(a, {v})'],
  ['array_contains_any(a, ["x"])', 'array_contains_any(a, ["x"])'],
  ['array_length(a) >= 2', '(array_length(a) >= 2)'],
  ['text_match(a, "x y", minimum_should_match=2)', 'text_match(a, "x y", minimum_should_match=2)'],
  ['phrase_match(a, "x", 2)', 'phrase_match(a, "x", 2)'],
  ['random_sample(0.5)', 'random_sample(0.5)'],
  ['a > 1 and random_sample(0.5)', '((a > 1) and random_sample(0.5))'],
  ['st_within(g, "POINT (1 2)")', 'st_within(g, "POINT (1 2)")'],
  ['st_dwithin(g, "POINT (1 2)", 1000)', 'st_dwithin(g, "POINT (1 2)", 1000)'],
  ['f()', 'f()'],
  ['f(1,)', 'f(1)'],
  ["t > ISO '2025-01-01T00:00:00Z'", '(t > ISO "2025-01-01T00:00:00Z")'],
  ["t + INTERVAL 'P1D' >= iso '2025-01-01'", '((t + INTERVAL "P1D") >= ISO "2025-01-01")'],
  ["iso '2025' < t < iso '2026'", '(ISO "2025" < t < ISO "2026")'],
  ['iso > 1', '(iso > 1)'],
  ['a == 1.5', '(a == 1.5)'],
  ['a == .5', '(a == 0.5)'],
  ['a == 5.', '(a == 5.0)'],
  ['a == 1e3', '(a == 1000.0)'],
  ['a == 1.5e-3', '(a == 0.0015)'],
  ['a == 0x1.8p3', '(a == 12.0)'],
  ['a == 0x1p-1', '(a == 0.5)'],
  ['a == 0XfF', '(a == 255)'],
  ['a == 0B101', '(a == 5)'],
  ['a == 0', '(a == 0)'],
  ['a == "\\u00e9\\x41\\101\\n"', '(a == "éAA\\n")'],
  ['a == u8"x"', '(a == "x")'],
  ["a == L'x'", '(a == "x")'],
  ['a == True or b == FALSE', '((a == true) or (b == false))'],
  ['a == null', '(a == null)'],
  ['a == {v}', '(a == {v})'],
  ['{lo} < a < {hi}', '({lo} < a < {hi})'],
  [' a\n==\t1 ', '(a == 1)'],
  ['a == 1 == true', '((a == 1) == true)'],
  ['[1] == [1]', '([1] == [1])'],
  ['a - -1', '(a - (- 1))'],
  ['a -1', '(a - 1)'],
  ['a == 1 -- x', '(a == (1 - (- x)))'],
  ['1 < a < 2 < 3', '((1 < a < 2) < 3)'],
  ['exists(a["k"])', '(exists a["k"])'],
];

describe('parseFilter', () => {
  it.each(good)('reads %j', (text, expected) => {
    expect(shapeOf(text)).toBe(expected);
  });

  it('has a hundred texts that it reads', () => expect(good.length).toBeGreaterThanOrEqual(100));

  it('says where a node was read from', () => {
    const text = ' a == 1 and f(b["k"], x = 2) in [1, 2] ';
    const read = (node: { begin: number; end: number }): string => text.slice(node.begin, node.end);
    const node = parseFilter(text);
    expect(read(node)).toBe(text.trim());
    if (node.kind !== 'and') throw new Error(node.kind);
    expect(node.operands.map(read)).toEqual(['a == 1', 'f(b["k"], x = 2) in [1, 2]']);
    const second = node.operands[1];
    if (second?.kind !== 'in' || second.operand.kind !== 'call') throw new Error('no call');
    expect(
      [second.operand, second.list, ...second.operand.args, ...second.operand.options].map(read),
    ).toEqual([...['f(b["k"], x = 2)', '[1, 2]', 'b["k"]', 'x = 2']]);
  });

  it('reads back what it would write, whatever the tree', () => {
    fc.assert(
      fc.property(syntaxTrees, (tree) => {
        expect(withoutSpans(parseFilter(filterText(tree)))).toEqual(withoutSpans(tree));
      }),
      { numRuns: 3000 },
    );
  });
});
