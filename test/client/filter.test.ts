// Filters of the typed client against the parser and the check of the server: whatever text a user gives stays a value, keys of paths stay
// keys, and what was put together with and, or, not is read as it was meant.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allOf, anyOf, type Filter, type FilterValue, filter, where } from '#client/connect.js';
import { schemaBytes } from '#client/schema/messages.js';
import type { Node } from '#expr/ast.js';
import { elementsOf } from '#expr/check/constants.js';
import { likePattern } from '#expr/check/like-pattern.js';
import { templateConstant } from '#expr/check/templates.js';
import { checkFilter } from '#expr/filter.js';
import { parseFilter } from '#expr/parse/parser.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { books, everything } from './books.js';

/** Texts that end strings, begin comments, look like templates, names and escapes. */
const nasty = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.stringMatching(/^["'\\%_{}[\]() \n\t=a$p0]*$/),
  fc.constantFrom('{p0}', '" or 1 == 1 or "', "' or true", '\\', '\\"', '$meta', '\u2028', '\0', 'r"'),
);
const wellFormed = nasty.filter((text) => !/[\ud800-\udfff]/u.test(text));

describe('values', () => {
  test('never change the text of a filter', () => {
    fc.assert(
      fc.property(nasty, (value) => {
        const conditions: readonly ((text: string) => Filter)[] = [
          (text) => filter`title == ${text}`,
          (text) => where(books, (f) => f.title.eq(text)),
          (text) => where(books, (f) => f.title.in([text, 'b'])),
          (text) => where(books, (f) => f.title.startsWith(text).and(f.tags.contains(text))),
          (text) => where(books, (f) => f.meta.at('a', 0).ne(text).not()),
        ];
        for (const condition of conditions)
          expect(condition(value).render().expr).toBe(condition('plain').render().expr);
        expect(filter`title == ${value}`.render().exprTemplateValues).toEqual({
          p0: { val: { $case: 'stringVal', value } },
        });
      }),
    );
  });

  test('are read back as they were given', () => {
    const value: fc.Arbitrary<FilterValue> = fc.oneof(
      fc.boolean(),
      nasty,
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.double(),
      fc.integer(),
    );
    const plain = (one: unknown): unknown =>
      Number.isSafeInteger(one) && typeof one === 'number' ? BigInt(one) : one;
    fc.assert(
      fc.property(value, (given) => {
        const constant = templateConstant(filter`a == ${given}`.render().exprTemplateValues, 'p0', 0);
        expect('value' in constant && constant.value).toEqual(plain(given));
      }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.boolean(), wellFormed, fc.bigInt({ min: -5n, max: 2n ** 63n - 1n }))),
        (given) => {
          const list = templateConstant(filter`a in ${given}`.render().exprTemplateValues, 'p0', 0);
          expect(list.type).toBe('list');
          const values = list.type === 'list' ? [...elementsOf(list)] : [];
          expect(values.map((one) => 'value' in one && one.value)).toEqual(given);
        },
      ),
    );
  });

  test('that are none are refused', () => {
    for (const value of [null, undefined, {}, Symbol('x'), new Date(Number.NaN), 2n ** 63n, [null]])
      expect(() => filter`a == ${value as never}`.render()).toThrow(/filter|Date/);
  });
});

describe('paths', () => {
  test('keep their keys, whatever is in them', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(wellFormed, fc.nat(1000)), { minLength: 1, maxLength: 4 }), (steps) => {
        const [first = '', ...more] = steps;
        const { expr } = where(books, (f) => f.meta.at(first, ...more).eq(1)).render();
        const node = parseFilter(expr);
        const expected = steps.map((step) =>
          typeof step === 'number' ? { kind: 'index', index: step } : { kind: 'key', key: step },
        );
        expect(node).toMatchObject({
          kind: 'compare',
          left: { kind: 'path', name: 'meta', steps: expected },
        });
      }),
    );
  });

  test('half a character is refused', () => {
    expect(() => where(books, (f) => f.meta.at('\ud800').exists())).toThrow(/half a character/);
  });
});

describe('patterns', () => {
  test('of startsWith, endsWith and includes mean the text itself', () => {
    fc.assert(
      fc.property(
        wellFormed.filter((text) => text !== ''),
        (text) => {
          const patternOf = (made: Filter) => likePattern(String(made.values[0]));
          expect(patternOf(where(books, (f) => f.title.startsWith(text)))).toMatchObject({
            kind: 'prefix',
            text,
          });
          expect(patternOf(where(books, (f) => f.title.endsWith(text)))).toMatchObject({
            kind: 'suffix',
            text,
          });
          expect(patternOf(where(books, (f) => f.title.includes(text)))).toMatchObject({ text });
        },
      ),
    );
  });
});

describe('conditions that are joined', () => {
  type Tree = number | { readonly op: 'and' | 'or' | 'not'; readonly of: readonly Tree[] };
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.nat(99),
      fc.record({
        op: fc.constantFrom('and', 'or'),
        of: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
      }),
      fc.record({ op: fc.constant('not'), of: fc.tuple(tie('tree')) }),
    ) as fc.Arbitrary<Tree>,
  }));
  const built = (tree: Tree): Filter => {
    if (typeof tree === 'number') return where(books, (f) => f.price.gt(tree));
    const [first, ...rest] = tree.of.map(built) as [Filter, ...Filter[]];
    if (tree.op === 'not') return first.not();
    return tree.op === 'and' ? allOf(first, ...rest) : anyOf(first, ...rest);
  };
  /** A run of equal words is one node for the parser. */
  const meant = (tree: Tree): unknown => {
    if (typeof tree === 'number') return tree;
    if (tree.op === 'not') return { op: 'not', of: [meant(tree.of[0] ?? 0)] };
    return tree.of.length === 1 ? meant(tree.of[0] ?? 0) : { op: tree.op, of: tree.of.map(meant) };
  };
  const read = (node: Node, values: readonly FilterValue[]): unknown => {
    if (node.kind === 'not') return { op: 'not', of: [read(node.operand, values)] };
    if (node.kind === 'and' || node.kind === 'or')
      return { op: node.kind, of: node.operands.map((one) => read(one, values)) };
    if (node.kind !== 'compare' || node.right.kind !== 'template') throw new Error(`a ${node.kind}`);
    return values[Number(node.right.name.slice(1))];
  };

  test('are read as they were built', () => {
    fc.assert(
      fc.property(tree, (given) => {
        const made = built(given);
        expect(read(parseFilter(made.render().expr), made.values)).toEqual(meant(given));
        const again = filter`${made} and price > ${7}`;
        expect(read(parseFilter(again.render().expr), again.values)).toEqual({
          op: 'and',
          of: [meant(given), 7],
        });
      }),
    );
  });
});

describe('every condition of every type', () => {
  test('is one that the server takes', async () => {
    const schema = CollectionSchema.decode(await schemaBytes(everything));
    schema.fields.forEach((field, at) => {
      field.fieldID = BigInt(100 + at);
    });
    const wkt = 'POLYGON ((0 0, 1 0, 1 1, 0 0))';
    const filters = [
      where(everything, (f) => f.id.in(['a']).and(f.id.notIn(['b']), f.id.between('a', 'b'))),
      where(everything, (f) => f.a.eq(true).or(f.a.ne(false), f.b.lt(3), f.c.le(3), f.d.ge(3))),
      where(everything, (f) => f.e.in([1n, 2n ** 63n - 1n]).and(f.f.gt(0.5), f.g.between(-1, 1e300))),
      where(everything, (f) => f.h.matches('^a+').and(f.h.endsWith('%'), f.i.isNull(), f.h.like('a_'))),
      where(everything, (f) =>
        f.j.at('a').exists().and(f.j.isNotNull(), f.j.at('a', 1).contains('x'), f.j.eq(1), f.j.contains(2)),
      ),
      where(everything, (f) => f.j.at('a').containsAll([1, 'a', 2n]).or(f.j.at('b').length().eq(2))),
      where(everything, (f) => f.j.at('a').in([1, 'a', 2.5, true]).and(f.j.at('t').startsWith('x'))),
      where(everything, (f) => f.k.contains(1n).and(f.k.containsAll([1n]), f.k.containsAny([2n]))),
      where(everything, (f) =>
        f.k
          .length()
          .gt(1)
          .and(
            f.k.all((k) => k.gt(0n)),
            f.l.any((l) => l.eq(true)),
          ),
      ),
      where(everything, (f) => f.m.within(wkt).or(f.m.intersects(wkt), f.m.covers(wkt), f.m.touches(wkt))),
      where(everything, (f) =>
        f.m.overlaps(wkt).or(f.m.crosses(wkt), f.m.sameAs(wkt), f.m.near('POINT (1 2)', 9.5)),
      ),
      where(everything, (f) => f.n.gt(new Date(0)).and(f.n.le('2025-01-01T00:00:00+02:00'))),
      where(everything, (f) => f.n.in([new Date(0), '2025-01-01'])),
    ];
    for (const made of filters) {
      const { expr, exprTemplateValues } = made.render();
      expect(checkFilter(schema, { text: expr, templates: exprTemplateValues }).kind, expr).toBeDefined();
    }
  });
});
