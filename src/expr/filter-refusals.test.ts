// Filters that are none of a collection, each with what Milvus says of it, or more.
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import type { Templates } from '#expr/check/templates.js';
import { TemplateValue } from '#proto/milvus/schema.js';
import { dynamicSchema, plainSchema } from '../../test/support/filter-schema.js';
import { filterText, syntaxTrees } from '../../test/support/filter-text.js';
import { checkFilter } from './filter.js';

/** Against a collection without a dynamic field. */
const bad: readonly (readonly [text: string, message: string])[] = [
  ['nope == 1', 'field nope not exist'],
  ['nope in [1]', 'field nope not exist'],
  ['nope > 1 and i64 < 2', 'field nope not exist'],
  ['exists nope', 'field nope not exist'],
  ['nope is null', 'field nope not exist'],
  ['nope["k"] == 1', 'field nope not exist'],
  ['$meta["k"] == 1', 'field $meta not exist'],
  ['st[nope] == [1]', 'field st[nope] not exist'],
  ['match_any(st, $[nope] > 1)', 'field st[nope] not exist'],
  ['match_any(nope, $ > 1)', 'field nope not exist'],
  ['st_within(nope, "POINT (1 2)")', 'field nope not exist'],
  ['i64', 'predicate is not a boolean expression: i64, data type: Int64'],
  ['1', 'predicate is not a boolean expression: 1, data type: Int64'],
  ['"x"', 'predicate is not a boolean expression: "x", data type: VarChar'],
  ['1.5', 'predicate is not a boolean expression: 1.5, data type: Double'],
  ['[1]', 'predicate is not a boolean expression: [1], data type: Array'],
  ['j', 'predicate is not a boolean expression: j, data type: JSON'],
  ['j["a"]', 'predicate is not a boolean expression'],
  ['i64 + 1', 'predicate is not a boolean expression: i64 + 1, data type: Int64'],
  ["INTERVAL 'P1D'", 'predicate is not a boolean expression'],
  ['i64 and b', "'and' can only be used between boolean expressions"],
  ['b and 1', "'and' can only be used between boolean expressions"],
  ['b or s', "'or' can only be used between boolean expressions"],
  ['b or "x"', "'or' can only be used between boolean expressions"],
  ['not i64', 'not can only apply on boolean'],
  ['not 1', 'not can only apply on boolean'],
  ['not "x"', 'not can only apply on boolean'],
  ['!s', 'not can only apply on boolean'],
  [
    's == 1',
    'comparison operations cannot be applied to two incompatible operands: comparisons between VarChar and Int64 are not supported',
  ],
  ['1 == s', 'comparisons between VarChar and Int64 are not supported'],
  ['s > 1.5', 'comparisons between VarChar and Double are not supported'],
  ['s == true', 'comparisons between VarChar and Bool are not supported'],
  ['i64 == "x"', 'comparisons between Int64 and VarChar are not supported'],
  ['i8 == true', 'comparisons between Int8 and Bool are not supported'],
  ['f == "x"', 'comparisons between Float and VarChar are not supported'],
  ['b == 1', 'comparisons between Bool and Int64 are not supported'],
  ['b == "true"', 'comparisons between Bool and VarChar are not supported'],
  ['i64 == [1]', 'comparisons between Int64 and Array are not supported'],
  ["i64 == ISO '2025-01-01'", 'comparisons between Int64 and Timestamptz are not supported'],
  ['t == 5', 'comparisons between Timestamptz and Int64 are not supported'],
  [`j["a"] == ISO '2025-01-01'`, 'comparisons between JSON and Timestamptz are not supported'],
  ['j["a"] > true', 'comparisons between JSON and Bool are not supported'],
  ['j["a"] + 1 == "x"', 'comparisons between arithmetic and VarChar are not supported'],
  ['ai == 1', 'comparisons between Array[Int64] and Int64 are not supported'],
  ['ai == ["x"]', 'comparisons between Array[Int64] and VarChar are not supported'],
  ['ai > [1]', 'can not comparisons array fields directly'],
  ['j["a"] > [1]', 'can not comparisons array fields directly'],
  ['ai == as', 'can not comparisons array fields directly'],
  ['ai + 1 == 2', 'can not comparisons array fields directly'],
  ['as[0] == 1', 'comparisons between VarChar and Int64 are not supported'],
  ['s > i64', 'comparisons between VarChar and Int64 are not supported'],
  ['b == i64', 'comparisons between Bool and Int64 are not supported'],
  ['t == i64', 'comparisons between Timestamptz and Int64 are not supported'],
  ['j["a"] == j["b"]', 'two column comparison with JSON type is not supported'],
  ['j["a"] == i64', 'two column comparison with JSON type is not supported'],
  ['1 == "x"', 'comparisons between Int64 and VarChar are not supported'],
  ['true > false', 'comparisons between Bool and Bool are not supported'],
  ['[1] == [1]', 'comparisons between Array and Array are not supported'],
  ['vec == 1', 'comparisons with field vec of type FloatVector are not supported'],
  ['g == "POINT (1 2)"', 'comparisons with field g of type Geometry are not supported'],
  ['st == 1', 'st is a struct array, which has no value; name a field like st[field]'],
  ['i64 == null', "nothing compares with null, expected 'is null' or 'is not null' behind the name"],
  ['i64 == 9223372036854775808', 'int64 overflow: 9223372036854775808'],
  ['i64 == -9223372036854775809', 'int64 overflow: -9223372036854775809'],
  ['i64 in [1, 9223372036854775808]', 'int64 overflow'],
  ['9223372036854775807 + 1 == i64', 'int64 overflow: 9223372036854775808'],
  ['i64 == 3000000000 * 4000000000000', 'int64 overflow'],
  ['i64 in 5', "the right-hand side of 'in' must be a list"],
  ['i64 in "x"', "the right-hand side of 'in' must be a list"],
  ['i64 in s', "the right-hand side of 'in' must be a list"],
  ['i64 in [1.0]', "value 'float_val:1' in list cannot be casted to Int64"],
  ['i64 in ["a"]', `value 'string_val:"a"' in list cannot be casted to Int64`],
  ['i64 in [true]', "value 'bool_val:true' in list cannot be casted to Int64"],
  ['i64 in [[1]]', "value 'array_val' in list cannot be casted to Int64"],
  ['s in [1]', "value 'int64_val:1' in list cannot be casted to VarChar"],
  ['b in [1]', "value 'int64_val:1' in list cannot be casted to Bool"],
  ['f in ["x"]', `value 'string_val:"x"' in list cannot be casted to Float`],
  ['t in [1]', "value 'int64_val:1' in list cannot be casted to Timestamptz"],
  ['ai in [1]', "value 'int64_val:1' in list cannot be casted to Array"],
  ['i64 in [s]', 'array element type must be generic value'],
  ['1 in [1]', "'term' can only be used on non-const expression"],
  ['i64 + 1 in [1]', "'term' can only be used on single field"],
  ['array_length(ai) in [1]', "'term' can only be used on single field"],
  ['i64 like "x"', 'like operation on non-string or no-json field is unsupported'],
  ['ai like "x"', 'like operation on non-string or no-json field is unsupported'],
  ['"x" like "x"', 'the left operand of like is invalid'],
  ['(j["a"] + 1) like "x"', 'like operation on complicated expr is unsupported'],
  ['s like 1', 'the pattern of like must be a string'],
  ['s like s', 'the pattern of like must be a string'],
  ['i64 =~ "x"', 'regex operation on non-string or no-json field is unsupported'],
  ['s =~ "("', 'invalid regular expression'],
  ['s =~ "(?=x)"', 'invalid regular expression'],
  ['vec is null', 'IsNull/IsNotNull operations are not supported on vector fields'],
  ['st[v] is not null', 'IsNull/IsNotNull operations are not supported on vector fields'],
  ['exists i64', 'exists operations are only supportted on json field, got:Int64'],
  ['exists j', 'exists operations are only supportted on json key'],
  ['exists (i64 == 1)', 'exists operations are only supported on single fields now'],
  ['s["k"] == 1', 'VarChar data type not supported accessed with []'],
  ['i64[0] == 1', 'Int64 data type not supported accessed with []'],
  ['ai["0"] == 1', 'can only access array field with integer index'],
  ['ai[0][1] == 1', 'can only access array field with integer index'],
  ['ai[x] == 1', 'can only access array field with integer index'],
  ['j[key] == 1', 'json key must be enclosed in double quotes or single quotes: "key"'],
  ['st[0] == 1', 'invalid identifier: st is a struct array'],
  ['st["x"] == 1', 'invalid identifier: st is a struct array'],
  ['st[x][0] == 1', 'invalid identifier: st is a struct array'],
  ['i64 / 0 == 1', 'division or modulus by zero'],
  ['i64 % 0 == 1', 'division or modulus by zero'],
  ['1 / 0 == i64', 'cannot divide by zero'],
  ['1 % 0 == i64', 'cannot modulo by zero'],
  ['s + 1 == 2', "'add' cannot perform arithmetic between VarChar field and numbers"],
  ['b - 1 == 2', "'subtract' cannot perform arithmetic between Bool field and numbers"],
  ['i64 + "x" == 2', "'add' cannot perform arithmetic between a field and VarChar"],
  ['"x" * 2 == i64', "'multiply' cannot perform arithmetic between VarChar and Int64"],
  ['f % 2 == 1', 'modulo can only apply on integer types'],
  ['(d & 1) == 1', 'bitand can only apply on integer types'],
  ['5.5 % 2 == i64', 'modulo can only apply on integer types'],
  ['i64 ** 9 == 4', 'power can only apply on constants'],
  ['i64 ** 0 == 1', 'a whole exponent from 1 to 8'],
  ['2 ** i64 == 4', 'power can only apply on constants'],
  ['i64 ** 0.5 == 4', 'a whole exponent from 1 to 8'],
  ['ai ** 2 == 4', 'can not comparisons array fields'],
  ['i64 << 1 == 4', 'shift is not supported'],
  ['1 << 2 == i64', 'shift is not supported'],
  ['~i64 == 1', "'~' is not supported"],
  ['-s == 1', "'subtract' cannot perform arithmetic"],
  ['-"x" == s', "'-' cannot be applied to VarChar"],
  ['i64 & 1 == 1', 'put brackets around what is compared'],
  ['(i64 == 1) == true', 'put brackets around what is compared'],
  ['(i64 == 1) + 1 == 2', 'put brackets around what is compared'],
  ['1 < 2 < 3', 'a constant is in the middle'],
  ['i64 < 5 < n64', 'a constant is in the middle'],
  ['i64 < n64 < 3', 'lowerbound cannot be a non-const expression'],
  ['1 < i64 < n64', 'upperbound cannot be a non-const expression'],
  ['9 < i64 < 1', 'invalid range: lowerbound is greater than upperbound'],
  ['1 < i64 < 1', 'invalid range: lowerbound is greater than upperbound'],
  ['1 > i64 >= 9', 'invalid range: lowerbound is greater than upperbound'],
  ['"b" < s < "a"', 'invalid range: lowerbound is greater than upperbound'],
  ['"a" < i64 < "b"', 'comparisons between Int64 and VarChar are not supported'],
  ["t > ISO 'yesterday'", 'invalid time "yesterday", expected ISO 8601'],
  ["t > '2025-02-30'", 'invalid time "2025-02-30"'],
  ["t + INTERVAL '1 day' > ISO '2025-01-01'", 'invalid ISO 8601 duration: 1 day'],
  ["t + INTERVAL 'P' > ISO '2025-01-01'", 'invalid ISO 8601 duration: P'],
  [
    "t * INTERVAL 'P1D' > ISO '2025-01-01'",
    "'multiply' cannot perform arithmetic between Timestamptz and Interval",
  ],
  ["i64 + INTERVAL 'P1D' > 1", "'add' cannot perform arithmetic between Int64 and Interval"],
  ["t + 1 > ISO '2025-01-01'", "'add' cannot perform arithmetic between Timestamptz field and numbers"],
  ["t + INTERVAL 'P1D' + INTERVAL 'P1M' > ISO '2025-01-01'", 'only one interval with months or years'],
  ['array_contains(i64, 1)', 'contains operation are only supported on json or array fields now'],
  ['array_contains_all(ai, 1)', 'contains_all operation element must be an array'],
  ['array_contains_any(ai, s)', 'contains_any operation are only supported explicitly specified element'],
  ['array_contains(ai, "x")', `value 'string_val:"x"' in list cannot be casted to Int64`],
  ['array_contains(as, 1)', "value 'int64_val:1' in list cannot be casted to VarChar"],
  ['array_contains(ai)', 'array_contains has 1 arguments, expected 2'],
  ['array_contains(ai, 1, 2)', 'array_contains has 3 arguments, expected 2'],
  ['array_contains(ai, 1, x=2)', 'array_contains has no option x'],
  ['array_length(i64) > 1', 'array_length operation are only supported on json or array fields now'],
  ['array_length(ai)', 'array_length gives a number, expected a comparison with it'],
  ['array_length() > 1', 'array_length operation are only supported on json or array fields now'],
  ['random_sample(d)', '"float factor" must be a constant'],
  ['random_sample()', 'random_sample has 0 arguments, expected 1'],
  [
    'random_sample(0.5) and b',
    'random sample expression can only be the last expression in the logical and expression',
  ],
  ['random_sample(0.5) or b', 'random sample expression cannot be used in logical or expression'],
  ['not random_sample(0.5)', 'random sample expression cannot be used in unary expression'],
  ['b and (b or random_sample(0.5))', 'random sample expression cannot be used in logical or expression'],
  ['random_sample(0.5) and random_sample(0.5)', 'random sample expression can only be the last'],
  ['element_filter(st, $[x] > 1) and b', 'element_filter can only be the last expression'],
  ['not element_filter(st, $[x] > 1)', 'element_filter can only be the last expression'],
  [
    'element_filter(i64, $ > 1)',
    'the first argument of element_filter must be an array or struct array field',
  ],
  ['element_filter(st, i64 > 1)', "field i64 is no element, expected '$' or '$[field]'"],
  ['element_filter(st)', 'element_filter has 1 arguments, expected 2'],
  ['$ > 1', "'$' is the current element, expected inside element_filter or match_… only"],
  ['$[x] > 1', "'$' is the current element"],
  ['match_any(st, $ > 1)', "field st is a struct array, expected '$[field]'"],
  ['match_any(ai, $[x] > 1)', "field ai is no struct array, expected '$'"],
  ['match_any(ai, $ > "x")', 'comparisons between Int64 and VarChar are not supported'],
  ['match_any(ai, $)', 'predicate is not a boolean expression'],
  ['match_any(ai, match_any(ai, $ > 1))', 'match_any cannot be used inside a predicate over elements'],
  ['match_any(st, array_length(ai) > 1)', 'array_length is not for predicates over elements'],
  ['match_any(ai, $ > 1, threshold=1)', 'match_any has no option threshold'],
  ['match_least(ai, $ > 1)', 'match_least needs threshold=n behind the predicate'],
  ['match_least(ai, $ > 1, -1)', 'match_least needs threshold=n'],
  ['match_least(ai, $ > 1, 2, threshold=2)', 'match_least has its threshold twice'],
  ['match_least(ai, $ > 1, 2, 3)', 'match_least has 4 arguments, expected 3'],
  ['match_exact(ai)', 'match_exact has 1 arguments, expected 3'],
  ['match_most(ai, $ > 1, 2147483648)', 'a whole number from 0 to 2147483647'],
  ['match_any(ai, $ > 1, 2)', 'match_any has 3 arguments, expected 2'],
  ['match_least(ai, $ > 1, threshold=-1)', 'match_least needs threshold=n'],
  ['match_least(ai, $ > 1, threshold=1.5)', 'match_least needs threshold=n'],
  ['match_any(st, $[v] > 1)', 'elements of st[v] of type ArrayOfVector cannot be compared'],
  [
    'st_within(s, "POINT (1 2)")',
    'st_within operation are only supported on geometry fields now, got: VarChar',
  ],
  ['st_within(g, 1)', 'the geometry must be a string in WKT'],
  ['st_within(g, "POINT (1)")', 'invalid geometry "POINT (1)"'],
  ['st_within(g, s)', 'the geometry must be a constant'],
  ['st_dwithin(g, "LINESTRING (0 0, 1 1)", 5)', 'st_dwithin needs a point that is not empty'],
  ['st_dwithin(g, "POINT EMPTY", 5)', 'st_dwithin needs a point that is not empty'],
  ['st_dwithin(g, "POINT (1 2)", -5)', 'the distance of st_dwithin must be a number of metres'],
  ['st_dwithin(g, "POINT (1 2)")', 'st_dwithin has 2 arguments, expected 3'],
  ['st_isvalid("x")', 'the first argument of st_isvalid must be a field'],
  ['text_match(i64, "x")', 'text match operation on non-string is unsupported, got Int64'],
  ['text_match(s, "x")', 'field "s" does not enable match'],
  ['text_match(ns, 1)', 'text_match needs a string to look for'],
  ['text_match(ns, "x", minimum_should_match=0)', 'minimum_should_match should be >= 1, got 0'],
  ['text_match(ns, "x", "y")', 'text_match has 3 arguments, expected at most 2'],
  ['phrase_match(ns, "x", slop=2)', 'phrase_match has no option slop'],
  ['text_match(ns, "x", minimum_should_match=1, minimum_should_match=2)', 'has minimum_should_match twice'],
  ['text_match_fuzzy(ns, "x")', 'text_match_fuzzy needs max_edit_distance=n, a const integer from 0 to 2'],
  ['text_match_fuzzy(ns, "x", max_edit_distance=3)', 'a const integer from 0 to 2, got 3'],
  ['text_match_fuzzy(ns, "x", max_edit_distance="1")', 'a const integer from 0 to 2'],
  ['text_match_fuzzy(ns, "x", minimum_should_match=1)', 'has no option minimum_should_match'],
  ['text_match(ns, "x", minimum_should_match=1001)', 'minimum_should_match should be <= 1000, got 1001'],
  ['phrase_match(ns, "x", -1)', '"slop" should be a const integer expression'],
  ['phrase_match(i64, "x")', 'phrase match operation on non-string is unsupported'],
  ['frobnicate(1)', 'function frobnicate not found'],
  ['i64 == {v}', 'the value of expression template variable name {v} is not found'],
  ['i64 in {v}', 'the value of expression template variable name {v} is not found'],
  ['i64 in [{v}]', 'the value of expression template variable name {v} is not found'],
  ['i64 == {toString}', 'the value of expression template variable name {toString} is not found'],
  [
    'id == "a"',
    'comparison operations cannot be applied to two incompatible operands: comparisons between Int64 and VarChar are not supported',
  ],
  ['id in [1, 1.0]', "value 'float_val:1' in list cannot be casted to Int64"],
  ['id in 5', "the right-hand side of 'in' must be a list"],
  ['id == [1]', 'comparisons between Int64 and Array are not supported'],
];

function refusal(text: string, templates: Templates = {}, schema = plainSchema): string {
  try {
    checkFilter(schema, { text, templates });
  } catch (error) {
    if (error instanceof ElanusError) return `${error.key}: ${error.message}`;
    throw error;
  }
  throw new Error(`accepted ${text}`);
}

describe('checkFilter refuses', () => {
  it.each(bad)('%j: %j', (text, message) => {
    const said = refusal(text);
    expect(said).toContain(message);
    expect(said).toMatch(
      /^invalid_parameter: failed to create query plan: (?:cannot parse|predicate is not)/,
    );
  });

  it.each(['0', '1', '1.5', '-1', '1e-11', '"x"'])('random_sample(%s), with a code of its own', (share) =>
    expect(refusal(`random_sample(${share})`)).toMatch(
      /^value_out_of_range: the sample factor should be between 0 and 1 and not too close to 0 or 1/,
    ),
  );

  it('more than a hundred of them', () => expect(bad.length).toBeGreaterThan(150));

  it('and says where', () => {
    expect(refusal('i64 > 1 and\n  nope == 2')).toBe(
      'invalid_parameter: failed to create query plan: cannot parse expression: i64 > 1 and\n  nope == 2, error: field nope not exist at line 2, column 3: i64 > 1 and   ▶nope == 2',
    );
  });

  it('templates of the wrong type', () => {
    const writer = new BinaryWriter();
    writer.int64(1n);
    const templates: Templates = {
      int: TemplateValue.create({ val: { $case: 'int64Val', value: 1n } }),
      real: TemplateValue.create({ val: { $case: 'floatVal', value: 1 } }),
      bytes: TemplateValue.create({ val: { $case: 'bytesVal', value: new Uint8Array(1) } }),
      ints: TemplateValue.create({
        val: { $case: 'arrayVal', value: { data: { $case: 'longData', value: { data: writer.finish() } } } },
      }),
      damaged: TemplateValue.create({
        val: {
          $case: 'arrayVal',
          value: { data: { $case: 'longData', value: { data: new Uint8Array([0x80]) } } },
        },
      }),
      none: TemplateValue.create({}),
      json: TemplateValue.create({
        val: {
          $case: 'arrayVal',
          value: { data: { $case: 'jsonData', value: { data: [new Uint8Array([0x7b])] } } },
        },
      }),
    };
    const wrong: readonly (readonly [text: string, message: string])[] = [
      ['s == {int}', 'comparisons between VarChar and Int64 are not supported'],
      ['i64 in {int}', "the right-hand side of 'in' must be a list"],
      ['s in {ints}', "value 'int64_val:1' in list cannot be casted to VarChar"],
      ['i64 in [{real}]', "value 'float_val:1' in list cannot be casted to Int64"],
      ['s like {int}', 'the pattern of like must be a string'],
      ['i64 == {bytes}', 'is bytes, expected a plain value or a list'],
      ['i64 in {damaged}', 'the packed values are damaged'],
      ['i64 == {none}', 'the value of expression template variable name {none} is not found'],
      ['j["a"] in {json}', 'a value of an expression template is no JSON text'],
      ['id in {real}', "the right-hand side of 'in' must be a list"],
    ];
    for (const [text, message] of wrong) expect(refusal(text, templates), text).toContain(message);
  });

  it('whatever is ill typed, by an error of ours', () => {
    const known = fc.constantFrom(
      'i64',
      'n8',
      'f',
      's',
      'b',
      't',
      'g',
      'j',
      'ai',
      'as',
      'st',
      'vec',
      'id',
      'nope',
      '$meta',
    );
    const named = fc.tuple(syntaxTrees, known, known).map(([tree, one, other]) =>
      filterText(tree)
        .replaceAll(/\bage\b/g, one)
        .replaceAll(/\bb1\b/g, other),
    );
    fc.assert(
      fc.property(named, fc.constantFrom(plainSchema, dynamicSchema), (text, schema) => {
        try {
          checkFilter(schema, { text });
        } catch (error) {
          expect(error, text).toBeInstanceOf(ElanusError);
          expect(['invalid_parameter', 'unsupported'], text).toContain((error as ElanusError).key);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('a name that a dynamic field would take', () => {
    expect(refusal('color', {}, dynamicSchema)).toContain(
      'predicate is not a boolean expression: color, data type: JSON',
    );
    expect(refusal('color == size', {}, dynamicSchema)).toContain(
      'two column comparison with JSON type is not supported',
    );
  });
});
