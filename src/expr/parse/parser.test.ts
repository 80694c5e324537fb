import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node } from '#expr/ast.js';
import { filterText, syntaxTrees, withoutSpans } from '../../../test/support/filter-text.js';
import { DEPTH_MAX, parseFilter } from './parser.js';
import { FilterSyntaxError, placedMessage } from './syntax-error.js';

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
function refusal(text: string): string {
  try {
    parseFilter(text);
  } catch (error) {
    if (error instanceof FilterSyntaxError) return placedMessage(text, error);
    throw error;
  }
  throw new Error(`accepted ${text}`);
}

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

const bad: readonly (readonly [text: string, message: string])[] = [
  ['', "unexpected end of the expression, expected a value, a field or '(' at line 1, column 1: ▶"],
  ['a ==', "unexpected end of the expression, expected a value, a field or '(' at line 1, column 5: a ==▶"],
  ['a == )', "unexpected ')', expected a value, a field or '(' at line 1, column 6: a == ▶)"],
  [
    '(a == 1',
    'unexpected end of the expression, expected an operator or the closing bracket at line 1, column 8: (a == 1▶',
  ],
  ['a == 1)', "unexpected ')', expected an operator or the end at line 1, column 7: a == 1▶)"],
  ['a b', "unexpected 'b', expected an operator or the end at line 1, column 3: a ▶b"],
  [
    'a == 1\nand\n  == 2',
    "unexpected '==', expected a value, a field or '(' at line 3, column 3: a == 1 and   ▶== 2",
  ],
  ['and a', "unexpected 'and'"],
  ['a and', 'unexpected end of the expression'],
  ['a and or b', "unexpected 'or'"],
  ['a And b', "unexpected 'And', expected an operator or the end"],
  ['in [1]', "unexpected 'in'"],
  ['a in', 'unexpected end of the expression'],
  ['a not [1]', "unexpected '[', expected 'in'"],
  ['a not like "x"', "unexpected 'like', expected 'in'"],
  ['a in [1', "unexpected end of the expression, expected ',' or the closing bracket of the list"],
  ['a in [1 2]', "unexpected '2', expected ',' or the closing bracket of the list"],
  ['a in [,]', "unexpected ',', expected a value"],
  ['a in [1,,2]', "unexpected ','"],
  ['a in (1, 2)', "unexpected ',', expected an operator or the closing bracket"],
  ['a in ["x"', "expected ',' or the closing bracket of the list"],
  ['a in ["x" "y"]', "unexpected 'y', expected ',' or the closing bracket of the list"],
  ['a is', "unexpected end of the expression, expected 'null' or 'not null'"],
  ['a is 1', "unexpected '1', expected 'null' or 'not null'"],
  ['a is not', "expected 'null'"],
  ['1 is null', "unexpected 'is', expected an operator or the end"],
  ['(a) is null', "unexpected 'is'"],
  ['a[', 'unexpected end of the expression, expected a key in quotes, an index or the name of a field'],
  ['a[]', "unexpected ']', expected a key in quotes"],
  ['a["k"', 'unexpected end of the expression, expected the closing bracket'],
  ['a[-1]', "unexpected '-', expected a key in quotes"],
  ['a[1.5]', "unexpected '1.5', expected a key in quotes"],
  ['a[4294967296]', 'the index 4294967296 is too large'],
  ['a["x", "y"]', "unexpected ',', expected the closing bracket"],
  ['$[1]', "unexpected '1', expected the name of a field of the struct"],
  [
    '1 < a > 3',
    "'>' does not continue '<', expected a range like 1 < a <= 9 at line 1, column 7: 1 < a ▶> 3",
  ],
  ['a < ', 'unexpected end'],
  ['a = 1', "unexpected '=', expected an operator or the end"],
  ['a === 1', "unexpected '='"],
  ['a <> 1', "unexpected '>', expected a value"],
  ['a ! b', "unexpected '!', expected an operator or the end"],
  ['!', 'unexpected end'],
  ['!!', 'unexpected end'],
  ['+', 'unexpected end'],
  ['*', "unexpected '*'"],
  ['"abc', 'the string has no closing " at line 1, column 1: ▶"abc'],
  ["a == 'x", "the string has no closing '"],
  ['a == "\\q"', "invalid escape '\\q', expected one of a string"],
  ['a == "\\u12"', "invalid escape '\\u'"],
  ['a == "\\U00110000"', "invalid escape '\\U'"],
  ['a =~ "\\d+"', 'write r"…" to leave backslashes alone'],
  ['a == 1x', 'invalid number at line 1, column 6'],
  ['a == 0x', 'invalid number'],
  ['a == 0b2', 'invalid number'],
  ['a == 1e', 'invalid number'],
  ['a == 0x1.8', 'invalid number'],
  ['a == 1..2', "unexpected '0.2'"],
  ['a.b == 1', "unexpected '.', expected an operator or the end"],
  ['a == #', "unexpected character '#' at line 1, column 6"],
  ['a == 1; drop', "unexpected character ';'"],
  ['a == 1 --', 'unexpected end'],
  ['a == 1 /* x */', "unexpected '*'"],
  ['a == @b', "unexpected character '@'"],
  ['😀', "unexpected character '😀'"],
  ['ä == 1', "unexpected character 'ä'"],
  ['a == "x\u0000', 'the string has no closing'],
  ['a == \u0000', "unexpected character '\u0000'"],
  ['{', "unexpected '{', expected a template variable like {name}"],
  ['a == {}', "unexpected '{'"],
  ['a == {1x}', "unexpected '{'"],
  ['a == {x', "unexpected '{'"],
  ['a == {$x}', "unexpected '{'"],
  ['a == {x y}', "unexpected '{'"],
  ['}', "unexpected character '}'"],
  ['f(', 'unexpected end'],
  ['f(1', "expected ',' or the closing bracket of the call"],
  ['f(1 2)', "unexpected '2', expected ',' or the closing bracket of the call"],
  ['f(,)', "unexpected ',', expected a value"],
  ['f(x=)', "unexpected ')', expected a value"],
  ['f(x=1, 2)', 'an argument without a name stands behind one with a name'],
  ['f(1=2)', "unexpected '=', expected ',' or the closing bracket of the call"],
  ['f(a["k"]=2)', "unexpected '='"],
  ['f)(', "unexpected ')'"],
  [')', "unexpected ')'"],
  [']', "unexpected ']'"],
  ['[', 'unexpected end'],
  ['[1,', 'unexpected end'],
  ['([)]', "unexpected ')'"],
  ['a == (1', 'expected an operator or the closing bracket'],
  ['a like', 'unexpected end'],
  ['like "x"', "unexpected 'like'"],
  ['a like like', "unexpected 'like'"],
  ['a =~', 'unexpected end'],
  ['a ~ "x"', "unexpected '~', expected an operator or the end"],
  ['exists', 'exists'],
  ['exists(', 'unexpected end'],
  ['not', 'unexpected end'],
  ['NOT', 'unexpected end'],
  ['iso "x" "y"', "unexpected 'y'"],
  ['a == 1 and and b == 2', "unexpected 'and'"],
  ['a == "x" "y"', "unexpected 'y', expected an operator or the end"],
  ['a == 1, b == 2', "unexpected ',', expected an operator or the end"],
  ["' or 1 == 1", "the string has no closing '"],
  ["a == 'x' or '1' == '1", "the string has no closing '"],
  ['a == 1 ** ', 'unexpected end'],
  ['a << << 2', "unexpected '<<'"],
  [`${'a'.repeat(30)} == ) ${'b'.repeat(40)}`, `: …${'a'.repeat(20)} == ▶) ${'b'.repeat(22)}…`],
  [`a == ${'x'.repeat(30)} ${'y'.repeat(100)}`, `unexpected '${'y'.repeat(64)}…'`],
];

describe('parseFilter', () => {
  it.each(good)('reads %j', (text, expected) => {
    expect(shapeOf(text)).toBe(expected);
  });

  it.each(bad.filter(([text]) => text !== 'exists'))('refuses %j', (text, message) => {
    expect(refusal(text)).toContain(message);
  });

  it('has a hundred of each', () => {
    expect(good.length).toBeGreaterThanOrEqual(100);
    expect(bad.length).toBeGreaterThanOrEqual(100);
  });

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

  it('throws nothing but its own error', () => {
    const piece = fc.constantFrom(
      ...['a', 'and', 'or', 'not', 'in', 'is', 'null', 'like', 'exists', 'true', 'iso', 'f(', '$', '$['],
      ...[
        '(',
        ')',
        '[',
        ']',
        ',',
        '==',
        '<',
        '<=',
        '>',
        '+',
        '-',
        '*',
        '**',
        '&',
        '|',
        '=',
        '!',
        '!~',
        '=~',
        '~',
        '.',
      ],
      ...['1', '2.5', '1e', '0x', '"a"', "'", '"', 'r"', '\\', '{x}', '{', '}', ' ', '\n', '\u0000', '😀'],
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(piece).map((pieces) => pieces.join(' ')),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (text) => {
          try {
            parseFilter(text);
          } catch (error) {
            expect(error).toBeInstanceOf(FilterSyntaxError);
            expect(placedMessage(text, error as FilterSyntaxError).length).toBeLessThan(500);
          }
        },
      ),
      { numRuns: 20_000 },
    );
  });

  it('takes nesting up to its bound and refuses more, without using up the stack', () => {
    const nested: readonly (readonly [open: string, inside: string, close: string, levels: number])[] = [
      ...([
        ['(', 'a', ')', 1],
        ['not ', 'a', '', 1],
        ['-', 'a', '', 1],
        ['[', '', ']', 1],
        ['f(', '1', ')', 1],
      ] as const),
      ...([
        ['a == 1 and (', 'a', ')', 1],
        ['f(x=', '1', ')', 2],
        ['a in [', '1', ']', 2],
        ['exists (', 'a', ')', 2],
      ] as const),
    ];
    for (const [open, inside, close, levels] of nested) {
      const count = Math.floor(DEPTH_MAX / levels);
      expect(() => parseFilter(open.repeat(count) + inside + close.repeat(count))).not.toThrow();
      expect(refusal(open.repeat(90_000))).toBe(
        `the expression is nested deeper than ${DEPTH_MAX} levels, expected at most so many`,
      );
    }
    for (const run of [' + a', ' == a', ' like a', ' | a', ' in a', ' ** a', ' < a']) {
      expect(() => parseFilter(`a${run.repeat(DEPTH_MAX)}`)).not.toThrow();
      expect(refusal(`a${run.repeat(40_000)}`)).toContain('nested deeper than');
    }
    // Every operator of the table once more at every level.
    const ladder = '1 or 1 and 1 | 1 ^ 1 & 1 == 1 < 1 in 1 << 1 + 1 * 1 ** (';
    expect(refusal(`${ladder.repeat(200)}1${')'.repeat(200)}`)).toContain('nested deeper than');
    expect(refusal(ladder.repeat(2000))).toContain('nested deeper than');
    expect(() => parseFilter(`${'a == 1 and '.repeat(20_000)}a == 1`)).not.toThrow();
  });
});
