// What filters become: folded, turned round, with negations at the leaves. Each line was read against the rules of the language.
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import type { Templates } from '#expr/check/templates.js';
import { encodeTexts } from '#model/text-list.js';
import { CollectionSchema, TemplateValue } from '#proto/milvus/schema.js';
import { dynamicSchema, plainSchema } from '../../test/support/filter-schema.js';
import { checkedText } from '../../test/support/typed-text.js';
import { checkFilter, readFilter } from './filter.js';

const good: readonly (readonly [text: string, checked: string])[] = [
  ['i8 >= -128', 'i8 >= -128'],
  ['i8 != 300', 'true'],
  ['n8 != 300', 'n8 is not null'],
  ['i8 in [300]', 'false'],
  ['not (n8 in [300])', 'n8 is not null'],
  ['n8 not in []', 'n8 is not null'],
  ['i64 in []', 'false'],
  ['i16 == 40000', 'false'],
  ['i32 < -3000000000', 'false'],
  ['i64 == 9223372036854775807', 'i64 == 9223372036854775807'],
  ['i64 == -9223372036854775808', 'i64 == -9223372036854775808'],
  ['i64 > 9.3e18', 'false'],
  ['i64 < 1e400', 'true'],
  ['i64 == 2.5', 'false'],
  ['not (n64 == 2.5)', 'n64 is not null'],
  ['i64 != 2.5', 'true'],
  ['n64 != 2.5', 'n64 is not null'],
  ['i64 >= 2.5', 'i64 >= 3'],
  ['i64 < -2.5', 'i64 <= -3'],
  ['i64 <= 1e3', 'i64 <= 1000'],
  ['f == 16777217', 'f == float 16777216'],
  ['f in [0.1, 1]', 'f in {double 0.10000000149011612, double 1}'],
  ['d in [1, 2.5, 1.0]', 'd in {double 1, double 2.5}'],
  ['d == 9007199254740993', 'd == double 9007199254740992'],
  ['not (f > 1)', 'not f > float 1'],
  ['not (f == 1)', 'f != float 1'],
  ['not (d in [1, 2])', 'not d in {double 1, double 2}'],
  ['nb != true', 'nb == false'],
  ['b > false', 'b == true'],
  ['b >= false', 'true'],
  ['not (nb <= true)', 'false'],
  ['b in [true, false]', 'true'],
  ['nb in [true]', 'nb == true'],
  ['nb not in [true, false]', 'false'],
  ['s in ["b", "é", "😀", "\\uffee"]', 's in {"b", "é", "￮", "😀"}'],
  ['s >= "a" and s < "b"', '"a" <= s < "b"'],
  ['"a" < s <= "b"', '"a" < s <= "b"'],
  ['s like "%a"', 's like suffix "a"'],
  ['s like "%a%"', 's like infix "a"'],
  ['s like "a%b%c"', 's like "a" any "b" any "c"'],
  ['s like "_"', 's like one'],
  ['s like "a__"', 's like "a" one one'],
  ['s like "%%"', 'true'],
  ['s like "a\\\\%b%"', 's like prefix "a%b"'],
  ['s like ""', 's == ""'],
  ['j["a"] like "x%"', 'j/a like prefix "x"'],
  ['j["a"] like "%"', 'j/a like prefix ""'],
  ['as[0] like "x%"', 'as#0 like prefix "x"'],
  ['not (s like "a%")', 'not s like prefix "a"'],
  ['not (s like "a")', 's != "a"'],
  ['s not in ["a"]', 's != "a"'],
  ['not (not (s == "a") and i64 == 1)', '(s == "a" or i64 != 1)'],
  ['not (i64 == 1 or s == "a")', '(i64 != 1 and s != "a")'],
  ['i64 > 1 and i64 > 3 and i64 >= 3 and i64 < 10', '3 < i64 < 10'],
  ['i64 > 10 and i64 < 5', 'false'],
  ['i64 >= 5 and i64 <= 5', '5 <= i64 <= 5'],
  ['j["a"] > 1 and j["a"] < "z" and j["a"] < 2.5', '(1 < j/a < double 2.5 and j/a < "z")'],
  ['j["a"] > 1 and j["b"] < 2', '(j/a > 1 and j/b < 2)'],
  ['j["a"] >= 1e18', 'j/a >= 1000000000000000000'],
  ['not (j["a"] > 1)', 'not j/a > 1'],
  ['not (j["a"] == 1)', 'j/a != 1'],
  ['j["a"] == [1, "x", [2.0]]', 'j/a == [1, "x", [2]]'],
  ['j["a"] != true', 'j/a != true'],
  ['j["a"] in []', 'false'],
  ['not (nj["a"] in [])', 'nj is not null'],
  ['nj["a"] in [[1], 2]', 'nj/a in {2, [1]}'],
  ['j == 1', 'j == 1'],
  ['j["a"]["b"][0]["c d"] == "x"', 'j/a/b/0/c d == "x"'],
  ['j[0] == 1', 'j/0 == 1'],
  ['$meta["color"] == "red"', '$meta/color == "red"'],
  ['color in ["red"]', '$meta/color == "red"'],
  ['color like "r%"', '$meta/color like prefix "r"'],
  ['exists color', 'exists $meta/color'],
  ['color is null', 'not exists $meta/color'],
  ['not (color is not null)', 'not exists $meta/color'],
  ['nj["a"] is null', 'not exists nj/a'],
  ['array_length(j["a"]) == 0', 'length(j/a) == 0'],
  ['array_length(tags) > 2', 'length($meta/tags) > 2'],
  ['i64 - 1 - 2 > n64', 'int(int(i64 - 1) - 2) > n64'],
  ['-i64 > 5', 'int(0 - i64) > 5'],
  ['+i64 > 5', 'i64 > 5'],
  ['2 - i64 > 0', 'int(2 - i64) > 0'],
  ['i64 / 2 == 1.5', 'false'],
  ['i64 % 2 == 1', 'int(i64 % 2) == 1'],
  ['(i64 | 1) != (n64 ^ 2)', 'int(i64 | 1) != int(n64 ^ 2)'],
  ['f * 2 > 1', 'float(f * float 2) > float 1'],
  ['f + d > 1', 'double(f + d) > double 1'],
  ['d - 1 > 1', 'double(d - double 1) > double 1'],
  ['f + i64 > 1', 'double(f + i64) > double 1'],
  ['j["a"] + 1 > 2', 'json(j/a + 1) > 2'],
  ['i64 + j["a"] > 2', 'json(i64 + j/a) > 2'],
  ['i64 + i64 == 2.5', 'false'],
  ['not (i64 / n64 == 2.5)', 'int(i64 / n64) >= -9223372036854775808'],
  ['1 + 1 == i64', 'i64 == 2'],
  ['2 ** 3 == i64', 'i64 == 8'],
  ['d ** 2 > 1000', 'double(d * d) > double 1000'],
  ['(i64 + 1) ** 3 == 8', 'int(int(int(i64 + 1) * int(i64 + 1)) * int(i64 + 1)) == 8'],
  ['i64 ** 1 == 8', 'i64 == 8'],
  ['7 / 2 == i64', 'i64 == 3'],
  ['7 % -4 == i64', 'i64 == 3'],
  ['-7 / 2 == i64', 'i64 == -3'],
  ['7.0 / 2 == d', 'd == double 3.5'],
  ['(5 & 3) == i64', 'i64 == 1'],
  ['ai[1] in [1, 2]', 'ai#1 in {1, 2}'],
  ['na[2] == 300', 'false'],
  ['na[2] != 300', 'length(na) > 2'],
  ['ai[0] is not null', 'length(ai) > 0'],
  ['ab[0] == true', 'ab#0 == true'],
  ['af[0] == 0.1', 'af#0 == float 0.10000000149011612'],
  ['as == ["a", "b"]', 'as == ["a", "b"]'],
  ['na == [1, 300]', 'false'],
  ['na != [1, 300]', 'na is not null'],
  ['ai in [[1, 2], [3]]', '(ai == [1, 2] or ai == [3])'],
  ['na not in [[1], [300], [2]]', '(na != [1] and na != [2])'],
  ['array_contains(ai, 2.5)', 'false'],
  ['not array_contains(na, 2.5)', 'na is not null'],
  ['array_contains_all(ai, [])', 'true'],
  ['array_contains_any(ai, [])', 'false'],
  ['json_contains(ai, 1)', 'ai contains any {1}'],
  ['array_contains_all(j["a"], [1, "x"])', 'j/a contains all {1, "x"}'],
  ['json_contains(tags, "x")', '$meta/tags contains any {"x"}'],
  ['json_contains_any(j["a"], [])', 'false'],
  ["t == ISO '2025-06-01T12:30:00.5+08:00'", 't == time 1748752200500000'],
  ["t in [ISO '2025-01-01', '2025-01-02']", 't in {1735689600000000, 1735776000000000}'],
  ["ISO '2025-01-01' <= nt < ISO '2025-02-01'", 'time 1735689600000000 <= nt < time 1738368000000000'],
  [
    "t + INTERVAL 'P1Y2M3DT4H5M6S' >= ISO '2025-01-01'",
    't shifted by 14 months 273906000000 >= time 1735689600000000',
  ],
  [
    "t + INTERVAL 'P1M' + INTERVAL 'P1D' < ISO '2025-01-01'",
    't shifted by 1 months 86400000000 < time 1735689600000000',
  ],
  ["t < ISO '2025-01-31' + INTERVAL 'P1M'", 't < time 1740960000000000'],
  ["t - INTERVAL 'PT0.5S' != ISO '1970-01-01'", 't != time 500000'],
  ['t > nt', 't > nt'],
  ['st[x] == [1, 2]', 'st[x] == [1, 2]'],
  ['array_length(st[color]) == 2', 'length(st[color]) == 2'],
  ['st is null', 'false'],
  ['match_all(as, $ like "x%")', 'all of as: $as like prefix "x"'],
  [
    'match_any(st, $[x] in [1, 2] or not ($[color] == "red"))',
    'any of st[x]: ($st[x] in {1, 2} or $st[color] != "red")',
  ],
  ['match_exact(st, $[x] > 300000000000, threshold=0)', 'exact of st[x]: false'],
  ['match_most(as, $ =~ "x", threshold=3)', 'most 3 of as: $as =~ "x"'],
  ['not match_any(ai, $ > 1)', 'not any of ai: $ai > 1'],
  ['match_any(ai, $ is null)', 'any of ai: false'],
  ['element_filter(ai, $ > 1)', 'true, elements of ai: $ai > 1'],
  [
    'i64 > 1 and s == "a" and element_filter(st, $[x] > 1) and random_sample(0.5)',
    '(i64 > 1 and s == "a"), elements of st[x]: $st[x] > 1, sample 0.5',
  ],
  ['i64 > 1 and i64 < 9 and random_sample(0.01)', '1 < i64 < 9, sample 0.01'],
  ['st_equals(g, "point(1 2)")', 'g equals point'],
  ['not st_contains(g, "LINESTRING (0 0, 1 1)")', 'not g contains line'],
  ["st_dwithin(g, 'POINT (-1.5 2)', 0.5)", 'g near -1.5 2 0.5'],
  ['TRUE', 'true'],
  ['false or i64 == 1', 'i64 == 1'],
  ['false and i64 == 1', 'false'],
  ['not true', 'false'],
  ['1 < 2 and "a" < "b"', 'true'],
  ['1.5 == 1.5', 'true'],
  ['9007199254740993 > 9007199254740992.0', 'true'],
  ['id > 5', 'id > 5'],
  ['id in [1] and s == "a"', '(id == 1 and s == "a")'],
  ['id == id', 'id == id'],
  ['id in [3, 1] or id in [2]', '3 keys'],
  ['id == 1 or id == 1 or id in [2]', '2 keys'],
  ['id != 1 and id != 2', 'not 2 keys'],
  ['(id == 1 or id == 2) and random_sample(0.5)', 'id in {1, 2}, sample 0.5'],
  ['i64 == 3 or b or i64 == 1 or i64 in [2, 3]', '(i64 in {1, 2, 3} or b == true)'],
  ['i64 == 1 or i64 == 1', 'i64 == 1'],
  ['i64 != 1 and i64 != 2', 'not i64 in {1, 2}'],
  ['i64 not in [1, 2] and i64 != 5', 'not i64 in {1, 2, 5}'],
  ['not (i64 == 1 or i64 == 2)', 'not i64 in {1, 2}'],
  ['i64 == 1 and i64 == 2', '(i64 == 1 and i64 == 2)'],
  ['i64 != 1 or i64 != 2', '(i64 != 1 or i64 != 2)'],
  ['f == 0.5 or f == 0.25', 'f in {double 0.25, double 0.5}'],
  ["t == '1970-01-01' or t == '1970-01-02'", 't in {0, 86400000000}'],
  ['color == "red" or color == 1 or size == 1', '($meta/color in {1, "red"} or $meta/size == 1)'],
  ['nb == true or nb == false', '(nb == true or nb == false)'],
  ['i64 + 1 == 2 or i64 + 1 == 3', '(int(i64 + 1) == 2 or int(i64 + 1) == 3)'],
  ['d == 1e400 - 1e400 or d == 1', '(d == double NaN or d == double 1)'],
  ['id + 1 == 2', 'int(id + 1) == 2'],
  ['i8 > 300', 'false'],
  ['n8 > 300', 'false'],
  ['not (n8 > 300)', 'n8 is not null'],
  ['n8 < 300', 'n8 is not null'],
  ['i8 > 2.5 and i8 <= 7.5', '3 <= i8 <= 7'],
  ['f == 0.1', 'f == float 0.10000000149011612'],
  ['d > 1', 'd > double 1'],
  ['1 < i64 <= 9', '1 < i64 <= 9'],
  ['not (1 < f < 2)', '(not f > float 1 or not f < float 2)'],
  ['9 >= i64 > 1', '1 < i64 <= 9'],
  ['b', 'b == true'],
  ['not nb', 'nb == false'],
  ['b == false', 'b == false'],
  ['b and i64 > 1', '(b == true and i64 > 1)'],
  ['s like "a%"', 's like prefix "a"'],
  ['s like "%"', 'true'],
  ['ns like "%"', 'ns is not null'],
  ['s like "a_%b"', 's like "a" one any "b"'],
  ['s like "x\\%"', 's == "x%"'],
  ['s =~ "^a"', 's =~ "^a"'],
  ['ns !~ "a+"', 'not ns =~ "a+"'],
  ['j["a"] == 1.0', 'j/a == 1'],
  ['j["a"] in [1, 2.5, "x", true]', 'j/a in {true, 1, double 2.5, "x"}'],
  ['color == "red" or size > 3', '($meta/color == "red" or $meta/size > 3)'],
  ['$meta["k"][0] != 1', '$meta/k/0 != 1'],
  ['i64 + 1 > 5', 'int(i64 + 1) > 5'],
  ['i64 * 2.5 > 5', 'double(i64 * double 2.5) > double 5'],
  ['f + 0.1 == 0.3', 'float(f + float 0.10000000149011612) == float 0.30000001192092896'],
  ['(i64 & 3) == 1', 'int(i64 & 3) == 1'],
  ['j["a"] % 2 == 0', 'json(j/a % 2) == 0'],
  ['array_length(ai) >= 2', 'length(ai) >= 2'],
  ['ai[0] > 3', 'ai#0 > 3'],
  ['na[0] is null', '(na is null or length(na) <= 0)'],
  ['ai == [1,2]', 'ai == [1, 2]'],
  ['array_contains(ai, 3)', 'ai contains any {3}'],
  ['array_contains_any(na, [1, 300])', 'na contains any {1}'],
  ['array_contains_all(na, [1, 300])', 'false'],
  ['json_contains(j["a"], [1,2])', 'j/a contains any {[1, 2]}'],
  ['json_contains_all(j["a"], [])', 'j/a contains all {}'],
  ["t > ISO '2025-01-01T00:00:00Z'", 't > time 1735689600000000'],
  ["t + INTERVAL 'P1D' > ISO '2025-01-02T00:00:00Z'", 't > time 1735689600000000'],
  ["t - INTERVAL 'P1M' > ISO '2025-01-02T00:00:00Z'", 't shifted by -1 months 0 > time 1735776000000000'],
  ["t > '2025-01-01'", 't > time 1735689600000000'],
  ['exists j["a"]', 'exists j/a'],
  ['j is null', 'false'],
  ['nj is null', 'nj is null'],
  ['j["a"] is not null', 'exists j/a'],
  ['st_within(g, "POLYGON ((0 0, 1 0, 1 1, 0 0))")', 'g within polygon'],
  ['st_isvalid(g)', 'g is valid'],
  ['match_any(st, $[x] > 1 and $[color] == "red")', 'any of st[x]: ($st[x] > 1 and $st[color] == "red")'],
  ['match_least(ai, $ > 1, threshold=2)', 'least 2 of ai: $ai > 1'],
  ['MATCH_EXACT(ai, $ > 1, 2)', 'exact 2 of ai: $ai > 1'],
  ['s == "a" and element_filter(st, $[x] > 1)', 's == "a", elements of st[x]: $st[x] > 1'],
  ['s == "a" and random_sample(0.1)', 's == "a", sample 0.1'],
  ['random_sample(0.1)', 'true, sample 0.1'],
  ['1 == 1 and i64 > 1', 'i64 > 1'],
  ['i64 > 1 or 1 == 1', 'true'],
  ['"x" == "y"', 'false'],
  ['i64 in [1, 1]', 'i64 == 1'],
  ['i8 in [1, 300]', 'i8 == 1'],
  ['1 == i64', 'i64 == 1'],
  ['s > ns', 's > ns'],
  ['i64 < d', 'i64 < d'],
  ['not (i64 < d)', 'not i64 < d'],
  ['not (i64 < n64)', 'i64 >= n64'],
  ['st[0][x] == 1', 'st[x]#0 == 1'],
  ['not not not i64 > 1', 'i64 <= 1'],
];

const checked = (text: string, templates: Templates = {}, zone = 'UTC'): string =>
  checkedText(checkFilter(dynamicSchema, { text, templates, zone }));
const template = (val: TemplateValue['val']): TemplateValue => TemplateValue.create({ val });
const array = (
  data: Extract<TemplateValue['val'], { readonly $case: 'arrayVal' }>['value']['data'],
): TemplateValue => template({ $case: 'arrayVal', value: { data } });
const longs = (...values: bigint[]): TemplateValue => {
  const writer = new BinaryWriter();
  for (const value of values) writer.int64(value);
  return array({ $case: 'longData', value: { data: writer.finish() } });
};
const utf8 = new TextEncoder();

describe('checkFilter', () => {
  it.each(good)('%j is %j', (text, expected) => {
    expect(checked(text)).toBe(expected);
  });

  it('has more than a hundred of them', () => expect(good.length).toBeGreaterThan(150));

  it('binds templates', () => {
    const templates: Templates = {
      yes: template({ $case: 'boolVal', value: true }),
      int: template({ $case: 'int64Val', value: 2n ** 63n - 1n }),
      real: template({ $case: 'floatVal', value: 2.5 }),
      text: template({ $case: 'stringVal', value: 'a%' }),
      ints: longs(3n, -1n, 3n),
      texts: array({ $case: 'stringData', value: encodeTexts(['b', 'a']) }),
      none: array(undefined),
      lists: array({
        $case: 'arrayData',
        value: { data: [{ data: { $case: 'stringData', value: encodeTexts(['x']) } }] },
      }),
      mixed: array({
        $case: 'jsonData',
        value: { data: ['9007199254740993', '"x"', '1.5', 'true', '[1]'].map((text) => utf8.encode(text)) },
      }),
      unused: template({ $case: 'boolVal', value: true }),
    };
    const bound: readonly (readonly [text: string, expected: string])[] = [
      ['b == {yes}', 'b == true'],
      ['i64 == {int}', 'i64 == 9223372036854775807'],
      ['j["a"] < {int}', 'j/a < 9223372036854775807'],
      ['color == {int}', '$meta/color == 9223372036854775807'],
      ['d < {real}', 'd < double 2.5'],
      ['i64 < {real}', 'i64 <= 2'],
      ['s == {text}', 's == "a%"'],
      ['s like {text}', 's like prefix "a"'],
      ['s =~ {text}', 's =~ "a%"'],
      ['i64 in {ints}', 'i64 in {-1, 3}'],
      ['i64 in [{int}, 1]', 'i64 in {1, 9223372036854775807}'],
      ['s not in {texts}', 'not s in {"a", "b"}'],
      ['i64 in {none}', 'false'],
      ['n64 not in {none}', 'n64 is not null'],
      ['as == {texts}', 'as == ["b", "a"]'],
      ['j["a"] in {mixed}', 'j/a in {true, 9007199254740993, double 1.5, "x", [1]}'],
      ['json_contains(j["a"], {texts})', 'j/a contains any {["b", "a"]}'],
      ['json_contains_any(j["a"], {lists})', 'j/a contains any {["x"]}'],
      ['array_contains_all(ai, {ints})', 'ai contains all {-1, 3}'],
      ['i64 + {int} > 1', 'int(i64 + 9223372036854775807) > 1'],
      ['1 < d < {real}', 'double 1 < d < double 2.5'],
      ['{real} > d', 'd < double 2.5'],
      ['t > {time}', 't > time 1735689600000000'],
      ['{yes} and i64 > 1', 'i64 > 1'],
      ['id in {ints}', '3 keys'],
      ['id not in {none}', 'not 0 keys'],
    ];
    const time = template({ $case: 'stringVal', value: '2025-01-01T00:00:00Z' });
    for (const [text, expected] of bound) expect(checked(text, { ...templates, time }), text).toBe(expected);
  });

  it('takes times without an offset for times of the zone', () => {
    expect(checked("t > ISO '2025-01-01'", {}, 'Asia/Shanghai')).toBe('t > time 1735660800000000');
    expect(checked("t > '2025-01-01T00:00:00Z'", {}, 'Asia/Shanghai')).toBe('t > time 1735689600000000');
  });

  it('looks for keys of the dynamic field only where there is one', () => {
    expect(checked('color == 1')).toBe('$meta/color == 1');
    expect(() => checkFilter(plainSchema, { text: 'color == 1' })).toThrow('field color not exist');
  });

  it('reads deep and long filters without using up the stack', () => {
    const deep = [
      `${'not ('.repeat(500)}i64 > 1${')'.repeat(500)}`,
      `${'i64 == 1 and (b or '.repeat(500)}b${')'.repeat(500)}`,
      `${'('.repeat(1000)}i64 > 1${')'.repeat(1000)}`,
      `i64${' + 1'.repeat(1000)} > 1`,
      `${'i64 - ('.repeat(1000)}1${')'.repeat(1000)} > 1`,
      `json_contains(j["a"], ${'['.repeat(990)}1${']'.repeat(990)})`,
      `${'-'.repeat(999)}i64 > 1`,
      `j${'["a"]'.repeat(1000)} == 1`,
      `${'i64 == 1 or '.repeat(20_000)}b`,
      `${'i64 > 1 and '.repeat(20_000)}b`,
    ];
    for (const text of deep)
      expect(checkFilter(dynamicSchema, { text }).kind, text.slice(0, 40)).toBe('predicate');
  });
});

describe('readFilter', () => {
  it('keeps what it has checked, by schema, text, templates and zone', () => {
    const schema = CollectionSchema.create(dynamicSchema);
    const source = { text: 'i64 == {v}', templates: { v: template({ $case: 'int64Val', value: 1n }) } };
    const first = readFilter(schema, source);
    expect(
      readFilter(schema, { ...source, templates: { v: template({ $case: 'int64Val', value: 1n }) } }),
    ).toBe(first);
    expect(
      readFilter(schema, { ...source, templates: { v: template({ $case: 'int64Val', value: 2n }) } }),
    ).not.toBe(first);
    expect(readFilter(schema, { ...source, zone: 'Asia/Shanghai' })).not.toBe(first);
    expect(readFilter(CollectionSchema.create(dynamicSchema), source)).not.toBe(first);
    expect(readFilter(schema, source)).toBe(first);
  });

  it('forgets the filter that was used longest ago', () => {
    const schema = CollectionSchema.create(dynamicSchema);
    const read = (value: number) => readFilter(schema, { text: `i64 == ${value}` });
    const [zero, one] = [read(0), read(1)];
    for (let value = 2; value < 64; value++) read(value);
    expect(read(0)).toBe(zero);
    read(64);
    expect(read(0)).toBe(zero);
    expect(read(1)).not.toBe(one);
  });
});
