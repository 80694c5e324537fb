// Random checked predicates over the fields of `row-cases.ts`, by family of leaf and all together.
import fc from 'fast-check';
import type {
  ComparisonOp,
  FieldRef,
  Leaf,
  LikePattern,
  Literal,
  Operand,
  Predicate,
  ValueSet,
} from '#expr/typed.js';
import { DataType } from '#model/schema/data-type.js';
import {
  type Asked,
  anyOp,
  boolLiteral,
  boolOperand,
  doubleLiteral,
  field,
  floatLiteral,
  intLiteral,
  intOp,
  jsonPath,
  jsonScalar,
  listLiteral,
  numberAsked,
  orderedAsked,
  plainDoubles,
  plainFloats,
  plainInts,
  textAsked,
  textLiteral,
  textOperand,
} from './operand-cases.js';
import {
  anyInt,
  bools,
  doubles,
  fields,
  floats,
  int8s,
  int16s,
  int32s,
  int64s,
  intsOf,
  memberInts,
  memberTexts,
  missing,
  otherBool,
  otherInt64,
  texts,
} from './row-cases.js';

const comparison = (asked: fc.Arbitrary<Asked>): fc.Arbitrary<Leaf> =>
  asked.chain(({ operand, literal }) =>
    fc.tuple(anyOp, literal).map(([op, value]): Leaf => ({ kind: 'compare', operand, op, value })),
  );
const equality = (operand: fc.Arbitrary<Operand>, value: fc.Arbitrary<Literal>): fc.Arbitrary<Leaf> =>
  fc
    .tuple(operand, fc.constantFrom<ComparisonOp>('==', '!='), value)
    .map(([one, op, literal]): Leaf => ({ kind: 'compare', operand: one, op, value: literal }));
const range = (asked: fc.Arbitrary<Asked>): fc.Arbitrary<Leaf> =>
  asked.chain(({ operand, literal }) =>
    fc.tuple(literal, fc.boolean(), literal, fc.boolean()).map(
      ([lower, lowerInclusive, upper, upperInclusive]): Leaf => ({
        kind: 'range',
        operand,
        lower,
        lowerInclusive,
        upper,
        upperInclusive,
      }),
    ),
  );

function setOf(literals: readonly Literal[]): ValueSet {
  const some = <Type extends Literal['type']>(...types: Type[]): (Literal & { readonly type: Type })[] =>
    literals.filter((one): one is Literal & { readonly type: Type } =>
      (types as string[]).includes(one.type),
    );
  const sorted = <T>(values: readonly T[], compare: (a: T, b: T) => number): T[] => {
    const unique = new Map(values.map((value) => [typeof value === 'number' ? value + 0 : value, value]));
    return [...unique.keys()].sort(compare as (a: unknown, b: unknown) => number) as T[];
  };
  return {
    bools: sorted(
      some('bool').map((one) => one.value),
      (a, b) => Number(a) - Number(b),
    ),
    ints: BigInt64Array.from(
      sorted(
        some('int', 'time').map((one) => one.value),
        (a, b) => (a < b ? -1 : 1),
      ),
    ),
    doubles: Float64Array.from(
      sorted(
        some('float', 'double')
          .map((one) => one.value)
          .filter((value) => !Number.isNaN(value)),
        (a, b) => a - b,
      ),
    ),
    texts: sorted(
      some('text').map((one) => one.value),
      (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)),
    ),
    lists: some('list'),
  };
}
const sets = (literal: fc.Arbitrary<Literal>): fc.Arbitrary<ValueSet> =>
  fc
    .array(literal, { minLength: 1, maxLength: 12 })
    .map(setOf)
    .filter(
      ({ bools, ints, doubles, texts, lists }) =>
        bools.length + ints.length + doubles.length + texts.length + lists.length > 0,
    );
const membership = (asked: fc.Arbitrary<Asked>): fc.Arbitrary<Leaf> =>
  asked.chain(({ operand, literal }) =>
    sets(literal).map((values): Leaf => ({ kind: 'in', operand, values })),
  );

const anyJsonLiteral: fc.Arbitrary<Literal> = fc.oneof(jsonScalar, boolLiteral, listLiteral);
const patternText = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'é', '😀', '%'), { maxLength: 3 })
  .map((parts) => parts.join(''));
const anyPattern: fc.Arbitrary<LikePattern> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('exact' as const, 'prefix' as const, 'suffix' as const, 'infix' as const),
      patternText,
    )
    .map(([kind, one]) => ({
      kind,
      text: one,
    })),
  fc
    .array(
      fc.oneof(
        patternText.map((one) => ({ kind: 'text' as const, text: one })),
        fc.constantFrom({ kind: 'one' as const }, { kind: 'any' as const }),
      ),
      { minLength: 1, maxLength: 6 },
    )
    .map((parts) => ({ kind: 'general' as const, parts })),
);
const regexes = ['a', '^a', 'b$', 'a.b', '(ab)+', '^$', 'é|c', '[ab]{2}', '😀', '\\\\', '^.$'];
const matching = (operands: fc.Arbitrary<Operand>): fc.Arbitrary<Leaf> =>
  fc.oneof(
    fc.tuple(operands, anyPattern).map(([operand, pattern]): Leaf => ({ kind: 'like', operand, pattern })),
    fc
      .tuple(operands, fc.constantFrom(...regexes))
      .map(([operand, source]): Leaf => ({ kind: 'regex', operand, source })),
  );

const elementLiteral = (of: FieldRef): fc.Arbitrary<Literal> => {
  switch (of.elementType) {
    case DataType.Bool:
      return boolLiteral;
    case DataType.Float:
      return floatLiteral;
    case DataType.Double:
      return doubleLiteral;
    case DataType.VarChar:
      return textLiteral;
    default:
      return intLiteral(intsOf(of.elementType));
  }
};
const anyArray = fc.constantFrom(bools, int8s, int16s, int32s, int64s, floats, doubles, texts);
const mode = fc.constantFrom('all' as const, 'any' as const);
const contains: fc.Arbitrary<Leaf> = fc.oneof(
  anyArray.chain((of) =>
    fc.tuple(mode, sets(elementLiteral(of))).map(
      ([one, values]): Leaf => ({
        kind: 'contains',
        operand: { kind: 'field', type: 'list', field: of },
        mode: one,
        values,
      }),
    ),
  ),
  fc
    .tuple(jsonPath, mode, sets(anyJsonLiteral))
    .map(([operand, one, values]): Leaf => ({ kind: 'contains', operand, mode: one, values })),
);
const listEquality: fc.Arbitrary<Leaf> = anyArray.chain((of) =>
  equality(
    fc.constant(field(of, 'list')),
    fc.array(elementLiteral(of), { maxLength: 2 }).map((values): Literal => ({ type: 'list', values })),
  ),
);
const numberSide = fc.oneof(
  plainInts.map(({ operand }) => operand),
  fc.constant(field(otherInt64, 'int')),
  plainFloats,
  plainDoubles,
);
const comparedSides: fc.Arbitrary<Leaf> = fc
  .oneof(
    fc.tuple(numberSide, numberSide),
    fc.tuple(textOperand, textOperand),
    fc.tuple(boolOperand, fc.constant(field(otherBool, 'bool'))),
  )
  .chain(([left, right]) => anyOp.map((op): Leaf => ({ kind: 'compare-operands', left, op, right })));

const allOf = (leaf: fc.Arbitrary<Leaf>, size: 'small' | 'medium'): fc.Arbitrary<Predicate> =>
  fc.letrec<{ node: Predicate }>((tie) => {
    const operands = fc.array(tie('node'), { minLength: 2, maxLength: 4 });
    const flat = (kind: 'and' | 'or') =>
      operands.map((nodes): Predicate => {
        const merged = nodes.flatMap((node) => (node.kind === kind ? node.operands : [node]));
        return { kind, operands: merged };
      });
    return {
      node: fc.oneof(
        { depthSize: size, withCrossShrink: true },
        leaf,
        leaf.map((operand): Predicate => ({ kind: 'not', operand })),
        flat('and'),
        flat('or'),
      ),
    };
  }).node;

const current = (of: FieldRef, type: 'int' | 'text' | 'double'): Operand => ({
  kind: 'current',
  type,
  field: of,
});
const overInts = fc.constantFrom(memberInts, int64s, int8s);
const elementLeaves = (over: FieldRef): fc.Arbitrary<Leaf> => {
  const int = fc.constant<Asked>({
    operand: current(over, 'int'),
    literal: intLiteral(intsOf(over.elementType)),
  });
  const ints = fc.oneof(
    int,
    fc.tuple(intOp, anyInt).map(
      ([op, value]): Asked => ({
        operand: {
          kind: 'arithmetic',
          type: 'int',
          op,
          left: current(over, 'int'),
          right: { kind: 'constant', type: 'int', value },
        },
        literal: intLiteral(anyInt),
      }),
    ),
  );
  const ofInts = fc.oneof(comparison(ints), range(ints), membership(ints));
  if (over !== memberInts) return ofInts;
  const string = fc.constant<Asked>({ operand: current(memberTexts, 'text'), literal: textLiteral });
  return fc.oneof(
    ofInts,
    comparison(string),
    membership(string),
    matching(fc.constant(current(memberTexts, 'text'))),
  );
};
const match: fc.Arbitrary<Leaf> = overInts.chain((over) =>
  fc
    .tuple(
      fc.constantFrom('all' as const, 'any' as const, 'least' as const, 'most' as const, 'exact' as const),
      fc.nat({ max: 4 }),
      allOf(elementLeaves(over), 'small'),
    )
    .map(
      ([quantifier, threshold, predicate]): Leaf => ({
        kind: 'match',
        quantifier,
        threshold: quantifier === 'all' || quantifier === 'any' ? 0 : threshold,
        elements: { over, predicate },
      }),
    ),
);

/** By name, so that a test can say which family it looks at. */
export const leafFamilies = {
  'compare numbers': comparison(numberAsked),
  'range of numbers': range(numberAsked),
  'in numbers': membership(numberAsked),
  bools: fc.oneof(
    equality(boolOperand, boolLiteral),
    membership(boolOperand.map((operand) => ({ operand, literal: boolLiteral }))),
  ),
  'two operands': comparedSides,
  texts: fc.oneof(comparison(textAsked), range(textAsked), membership(textAsked)),
  'like and regex': matching(fc.oneof<fc.Arbitrary<Operand>[]>(textOperand, jsonPath)),
  'is null': fc
    .tuple(fc.constantFrom(...fields, missing), fc.boolean())
    .map(([one, negated]): Leaf => ({ kind: 'is-null', field: one, negated })),
  json: fc.oneof(
    comparison(orderedAsked.filter(({ operand }) => operand.type === 'json')),
    range(orderedAsked.filter(({ operand }) => operand.type === 'json')),
    equality(jsonPath, fc.oneof<fc.Arbitrary<Literal>[]>(boolLiteral, listLiteral)),
    membership(jsonPath.map((operand) => ({ operand, literal: anyJsonLiteral }))),
    jsonPath.map((operand): Leaf => ({ kind: 'exists', operand })),
  ),
  contains,
  'lists of arrays': listEquality,
  match,
} as const satisfies Record<string, fc.Arbitrary<Leaf>>;

const anyLeaf: fc.Arbitrary<Leaf> = fc.oneof(...Object.values(leafFamilies));
export const anyPredicate: fc.Arbitrary<Predicate> = allOf(anyLeaf, 'medium');
