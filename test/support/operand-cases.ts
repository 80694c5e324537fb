// Random operands over the fields of `row-cases.ts`, each with the literals that it may be compared with.
import fc from 'fast-check';
import type { ArithmeticOp, ComparisonOp, FieldRef, Literal, Operand } from '#expr/typed.js';
import {
  anyDouble,
  anyFloat,
  anyInt,
  anyKey,
  anyText,
  anyTime,
  bool,
  bools,
  double,
  doubles,
  float,
  floats,
  int8,
  int8s,
  int16,
  int16s,
  int32,
  int32s,
  int64,
  int64s,
  intsOf,
  json,
  missing,
  otherText,
  text,
  texts,
  time,
} from './row-cases.js';

export const anyOp = fc.constantFrom<ComparisonOp>('==', '!=', '<', '<=', '>', '>=');
export const intOp = fc.constantFrom<ArithmeticOp>('+', '-', '*', '/', '%', '&', '|', '^');
const doubleOp = fc.constantFrom<ArithmeticOp>('+', '-', '*', '/', '%');

export const field = (of: FieldRef, type: Operand['type']): Operand => ({
  kind: 'field',
  type: type as 'int',
  field: of,
});
const element = (of: FieldRef, type: Operand['type']): fc.Arbitrary<Operand> =>
  fc.nat({ max: 3 }).map((index): Operand => ({ kind: 'element', type: type as 'int', field: of, index }));
const lengths: fc.Arbitrary<Operand> = fc.oneof(
  fc
    .constantFrom(int8s, int64s, texts, doubles)
    .map((of): Operand => ({ kind: 'length', type: 'int', of: { kind: 'field', type: 'list', field: of } })),
  fc.array(anyKey, { maxLength: 2 }).map(
    (path): Operand => ({
      kind: 'length',
      type: 'int',
      of: { kind: 'json', type: 'json', field: json, path },
    }),
  ),
);

/** Operands with the literals that they may be compared with. */
export interface Asked {
  readonly operand: Operand;
  readonly literal: fc.Arbitrary<Literal>;
}

export const intLiteral = (values: fc.Arbitrary<bigint>): fc.Arbitrary<Literal> =>
  values.map((value) => ({ type: 'int', value }));

export const plainInts: fc.Arbitrary<Asked> = fc.oneof(
  fc
    .constantFrom(int8, int16, int32, int64, missing)
    .map((of) => ({ operand: field(of, 'int'), literal: intLiteral(intsOf(of.dataType)) })),
  fc
    .constantFrom(int8s, int16s, int32s, int64s)
    .chain((of) =>
      element(of, 'int').map((operand) => ({ operand, literal: intLiteral(intsOf(of.elementType)) })),
    ),
  lengths.map((operand) => ({ operand, literal: intLiteral(fc.bigInt({ min: -1n, max: 6n })) })),
);

const arithmeticOf = (
  type: 'int' | 'float' | 'double',
  sides: fc.Arbitrary<Operand>,
  op: fc.Arbitrary<ArithmeticOp>,
): fc.Arbitrary<Operand> =>
  fc.tuple(sides, op, sides, fc.option(fc.tuple(op, sides))).map(([left, first, right, more]): Operand => {
    const inner: Operand = { kind: 'arithmetic', type, op: first, left, right };
    return more === null ? inner : { kind: 'arithmetic', type, op: more[0], left: inner, right: more[1] };
  });
const constant = (
  type: 'int' | 'float' | 'double',
  values: fc.Arbitrary<bigint | number>,
): fc.Arbitrary<Operand> => values.map((value): Operand => ({ kind: 'constant', type, value }));

const intAsked: fc.Arbitrary<Asked> = fc.oneof(
  { weight: 3, arbitrary: plainInts },
  arithmeticOf(
    'int',
    fc.oneof(
      plainInts.map((asked) => asked.operand),
      constant('int', anyInt),
    ),
    intOp,
  ).map((operand) => ({ operand, literal: intLiteral(anyInt) })),
);
/** Sums of these need rounding to 32 bits. */
const closeFloat = fc.oneof(anyFloat, fc.constantFrom(16777216, 1, 3, 0.10000000149011612));
export const floatLiteral = closeFloat.map((value): Literal => ({ type: 'float', value }));
export const doubleLiteral = anyDouble.map((value): Literal => ({ type: 'double', value }));
export const plainFloats = fc.oneof(fc.constant(field(float, 'float')), element(floats, 'float'));
export const plainDoubles = fc.oneof(fc.constant(field(double, 'double')), element(doubles, 'double'));
const floatAsked: fc.Arbitrary<Asked> = fc
  .oneof(plainFloats, arithmeticOf('float', fc.oneof(plainFloats, constant('float', closeFloat)), doubleOp))
  .map((operand) => ({ operand, literal: floatLiteral }));
const doubleAsked: fc.Arbitrary<Asked> = fc
  .oneof(
    plainDoubles,
    arithmeticOf('double', fc.oneof(plainDoubles, constant('double', anyDouble)), doubleOp),
  )
  .map((operand) => ({ operand, literal: doubleLiteral }));
const timeAsked: fc.Arbitrary<Asked> = fc
  .oneof(
    fc.constant(field(time, 'time')),
    fc
      .tuple(
        fc.integer({ min: -30, max: 30 }).filter((months) => months !== 0),
        fc.bigInt({ min: -(10n ** 13n), max: 10n ** 13n }),
      )
      .map(([months, micros]): Operand => ({ kind: 'shifted', type: 'time', field: time, months, micros })),
  )
  .map((operand) => ({ operand, literal: anyTime.map((value): Literal => ({ type: 'time', value })) }));
export const textOperand = fc.oneof(
  fc.constantFrom(field(text, 'text'), field(otherText, 'text')),
  element(texts, 'text'),
);
export const textLiteral = anyText.map((value): Literal => ({ type: 'text', value }));
export const boolOperand = fc.oneof(fc.constant(field(bool, 'bool')), element(bools, 'bool'));
export const boolLiteral = fc.boolean().map((value): Literal => ({ type: 'bool', value }));

export const jsonPath: fc.Arbitrary<Operand & { readonly kind: 'json' }> = fc
  .oneof(
    { weight: 3, arbitrary: fc.constantFrom(['a'], ['b'], ['b', '0']) },
    fc.array(anyKey, { maxLength: 3 }),
  )
  .map((path) => ({ kind: 'json', type: 'json', field: json, path }));
/** A whole double within 64 bits is the int. */
const jsonNumber: fc.Arbitrary<Literal> = fc.oneof(
  intLiteral(anyInt),
  anyDouble
    .filter((value) => !(Number.isInteger(value) && Math.abs(value) <= 2 ** 63))
    .map((value): Literal => ({ type: 'double', value })),
);
export const jsonScalar: fc.Arbitrary<Literal> = fc.oneof(jsonNumber, textLiteral);
export const listLiteral: fc.Arbitrary<Literal & { readonly type: 'list' }> = fc
  .array(fc.oneof(jsonScalar, boolLiteral), { maxLength: 3 })
  .map((values) => ({ type: 'list', values }));
const jsonArithmetic: fc.Arbitrary<Operand> = fc
  .tuple(
    jsonPath,
    intOp,
    fc.oneof(
      jsonPath,
      jsonNumber.map(
        (literal): Operand =>
          literal.type === 'int'
            ? { kind: 'constant', type: 'int', value: literal.value }
            : { kind: 'constant', type: 'double', value: Number((literal as { value: number }).value) },
      ),
    ),
  )
  .map(([left, op, right]): Operand => ({ kind: 'arithmetic', type: 'json', op, left, right }));

export const numberAsked: fc.Arbitrary<Asked> = fc.oneof(intAsked, floatAsked, doubleAsked, timeAsked);
export const textAsked = textOperand.map((operand): Asked => ({ operand, literal: textLiteral }));
export const orderedAsked: fc.Arbitrary<Asked> = fc.oneof(
  { weight: 3, arbitrary: numberAsked },
  textAsked,
  jsonPath.chain((operand) =>
    fc.constantFrom(jsonNumber, textLiteral).map((literal): Asked => ({ operand, literal })),
  ),
  jsonArithmetic.map((operand) => ({ operand, literal: jsonNumber })),
);
