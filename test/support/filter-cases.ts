// Random filters that are well typed over the fields of `row-cases.ts`, as syntax trees, and their collection and rows as the oracle of
// filters wants them.
import fc from 'fast-check';
import type { ComparisonOp, Node } from '#expr/ast.js';
import type { FieldRef } from '#expr/typed.js';
import { DataType } from '#model/schema/data-type.js';
import { CollectionSchema, FieldSchema, StructArrayFieldSchema } from '#proto/milvus/schema.js';
import type { Row as NamedRow, OracleSchema } from '../oracle/filter-oracle.js';
import type { Json, Row } from '../oracle/predicate-oracle.js';
import { fields, memberInts, memberTexts } from './row-cases.js';

const isMember = (field: FieldRef): boolean => field.name.startsWith('s[');
const schemaField = (field: FieldRef, name = field.name): FieldSchema =>
  FieldSchema.fromPartial({ ...field, fieldID: field.fieldId, name });

export const caseSchema = CollectionSchema.create({
  name: 'cases',
  fields: [
    FieldSchema.fromPartial({ fieldID: 99n, name: 'pk', dataType: DataType.Int64, isPrimaryKey: true }),
    ...fields.filter((field) => !isMember(field)).map((field) => schemaField(field)),
  ],
  structArrayFields: [
    StructArrayFieldSchema.fromPartial({
      fieldID: 98n,
      name: 's',
      nullable: true,
      fields: [schemaField(memberInts, 'ints'), schemaField(memberTexts, 'texts')],
    }),
  ],
});

export const oracleSchema: OracleSchema = {
  floats: new Set(['float', 'floats']),
  doubles: new Set(['double', 'doubles']),
  json: new Set(['json']),
};

export function namedRow(row: Row): NamedRow {
  const named: Record<string, Json | undefined> = {};
  for (const field of fields.filter((candidate) => !isMember(candidate))) {
    const value = row.get(field.fieldId) as Json | { readonly json: Json };
    const isJson = field.dataType === DataType.JSON && value !== null;
    named[field.name] = isJson ? (value as { readonly json: Json }).json : ((value as Json) ?? undefined);
  }
  const ints = row.get(memberInts.fieldId) as readonly Json[] | null;
  const texts = row.get(memberTexts.fieldId) as readonly Json[] | null;
  named.s = ints?.map((value, at) => ({ ints: value, texts: texts?.[at] ?? null }));
  return named;
}

const at = { begin: 0, end: 0 };
const path = (name: string, ...steps: readonly (string | number)[]): Node => ({
  kind: 'path',
  name,
  steps: steps.map((step) =>
    typeof step === 'number' ? { kind: 'index', index: step } : { kind: 'key', key: step },
  ),
  ...at,
});
const call = (name: string, args: readonly Node[], threshold?: number): Node => ({
  kind: 'call',
  name,
  args,
  options:
    threshold === undefined
      ? []
      : [{ name: 'threshold', value: { kind: 'int', value: BigInt(threshold), ...at }, ...at }],
  ...at,
});
const negative = (operand: Node): Node => ({ kind: 'unary', op: '-', operand, ...at });
const int = (value: bigint): Node => (value < 0n ? negative(int(-value)) : { kind: 'int', value, ...at });
const real = (value: number): Node =>
  value < 0 || Object.is(value, -0) ? negative(real(-value)) : { kind: 'double', value, ...at };
const string = (value: string): Node => ({ kind: 'string', value, ...at });
const bool = (value: boolean): Node => ({ kind: 'bool', value, ...at });
const list = (elements: readonly Node[]): Node => ({ kind: 'list', elements, ...at });

const intValues = fc.constantFrom(0n, 1n, -1n, 2n, 3n, 5n, 100n, 127n, -128n, 128n, 300n, 40_000n, 2n ** 31n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)); // biome-ignore format: a pool of values
const realValues = fc.constantFrom(0, -0, 1, 1.5, -1.5, 0.1, 2.5, 3, 1e3, 2 ** 53, 2 ** 63, -(2 ** 63), 1e19, 16777217, 1e300, 5e-324); // biome-ignore format: a pool of values
const textValues = fc.constantFrom('', 'a', 'ab', 'abc', 'b', 'é', '😀', '\uffff', 'a%b', 'x\n', '"\\');
type Number2 = { readonly node: Node; readonly value: bigint | number };
const numbers: fc.Arbitrary<Number2> = fc.oneof(
  intValues.map((value) => ({ node: int(value), value })),
  realValues.map((value) => ({ node: real(value), value })),
);
const numberNodes = numbers.map(({ node }) => node);
const texts = textValues.map(string);
const keys = fc.constantFrom('a', 'b', 'é', '0', 'x"y');
const jsonPaths = fc.oneof(
  { weight: 3, arbitrary: keys.map((key) => path('json', key)) },
  fc.tuple(keys, fc.oneof(keys, fc.nat(3))).map(([first, second]) => path('json', first, second)),
  fc.constant(path('json')),
);

const intFields = fc.constantFrom('int8', 'int16', 'int32', 'int64', 'otherInt64').map((name) => path(name));
const intOperands = fc.oneof(
  { weight: 3, arbitrary: intFields },
  fc.tuple(fc.constantFrom('int8s', 'int32s', 'int64s'), fc.nat(5)).map(([name, index]) => path(name, index)),
  fc.constantFrom('int64s', 'texts', 's').map((name) => call('array_length', [path(name)])),
);
const realOperands = fc.oneof(
  fc.constantFrom('float', 'double').map((name) => path(name)),
  fc.tuple(fc.constantFrom('floats', 'doubles'), fc.nat(4)).map(([name, index]) => path(name, index)),
);
const nonZero = numbers.filter(({ value }) => Number(value) !== 0).map(({ node }) => node);
const nonZeroInts = intValues.filter((value) => value !== 0n).map(int);

const binary = (op: string, left: Node, right: Node): Node =>
  ({ kind: 'arithmetic', op, left, right, ...at }) as Node;
/** Arithmetic over some operands and constants, up to two steps. */
function computed(
  operands: fc.Arbitrary<Node>,
  ops: readonly string[],
  constants: fc.Arbitrary<Node>,
): fc.Arbitrary<Node> {
  const step = (inner: fc.Arbitrary<Node>): fc.Arbitrary<Node> =>
    fc.oneof(
      fc.tuple(fc.constantFrom(...ops), inner, constants).map(([op, left, right]) => binary(op, left, right)),
      fc.tuple(fc.constantFrom(...ops), constants, inner).map(([op, left, right]) => binary(op, left, right)),
      fc.tuple(fc.constantFrom(...ops), inner, operands).map(([op, left, right]) => binary(op, left, right)),
      inner.map(negative),
    );
  return fc.oneof(step(operands), step(step(operands)));
}
const plainNumbers = fc.oneof(
  { weight: 2, arbitrary: intOperands },
  { weight: 2, arbitrary: realOperands },
  computed(intOperands, ['+', '-', '*', '/', '%', '&', '|', '^'], nonZeroInts),
  computed(fc.oneof(intOperands, realOperands), ['+', '-', '*', '/'], nonZero),
);
const jsonNumbers = fc.oneof(
  { weight: 3, arbitrary: jsonPaths },
  jsonPaths.map((node) => call('array_length', [node])),
  computed(jsonPaths, ['+', '-', '*', '/', '%', '&'], nonZeroInts),
  computed(fc.oneof(jsonPaths, intOperands, realOperands), ['+', '-', '*', '/'], nonZero),
);

const equalities = fc.constantFrom<ComparisonOp>('==', '!=');
const comparisons = fc.constantFrom<ComparisonOp>('==', '!=', '<', '<=', '>', '>=');
const compare = (op: ComparisonOp, left: Node, right: Node): Node => ({
  kind: 'compare',
  op,
  left,
  right,
  ...at,
});
/** An operand and a constant, either of them first. */
const comparing = (
  operands: fc.Arbitrary<Node>,
  ops: fc.Arbitrary<ComparisonOp>,
  constants: fc.Arbitrary<Node>,
): fc.Arbitrary<Node> =>
  fc
    .tuple(operands, ops, constants, fc.boolean())
    .map(([operand, op, constant, turned]) =>
      turned ? compare(op, constant, operand) : compare(op, operand, constant),
    );

const chains = fc
  .tuple(fc.oneof(plainNumbers, jsonPaths), numbers, numbers, fc.boolean(), fc.boolean(), fc.boolean())
  .filter(([, a, b]) => a.value < b.value || b.value < a.value)
  .map(([middle, a, b, firstOpen, lastOpen, falling]): Node => {
    const [low, high] = a.value < b.value ? [a.node, b.node] : [b.node, a.node];
    const sign = falling ? '>' : '<';
    const [firstOp, lastOp] = [firstOpen, lastOpen].map((open) => (open ? sign : `${sign}=`)) as [
      ComparisonOp,
      ComparisonOp,
    ];
    return {
      kind: 'chain',
      first: falling ? high : low,
      firstOp,
      middle,
      lastOp,
      last: falling ? low : high,
      ...at,
    };
  });

const textOperands = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom('text', 'otherText').map((name) => path(name)) },
  fc.nat(4).map((index) => path('texts', index)),
);
const isoNode = (text: string): Node => ({ kind: 'iso', text, ...at });
const isoTimes = fc
  .constantFrom(
    '1970-01-01T00:00:00Z',
    '2000-02-29T12:30:00+08:00',
    '2024-02-28T00:00:00Z',
    '0001-01-01T00:00:00Z',
    '1969-12-31T23:59:59Z',
  )
  .map(isoNode);
const intervals = fc.constantFrom('P1M', 'P1Y', 'P3D', 'PT5H', 'P1Y2M3DT4H5M6S', 'PT1S', 'P25M');
const times = fc.oneof(
  fc.constant(path('time')),
  fc
    .tuple(fc.constantFrom('+', '-'), intervals)
    .map(([op, text]) => binary(op, path('time'), { kind: 'interval', text, ...at })),
);

const inNode = (operand: Node, elements: readonly Node[], negated: boolean): Node => ({
  kind: 'in',
  negated,
  operand,
  list: list(elements),
  ...at,
});
const inside = (operands: fc.Arbitrary<Node>, constants: fc.Arbitrary<Node>): fc.Arbitrary<Node> =>
  fc
    .tuple(operands, fc.array(constants, { maxLength: 5 }), fc.boolean())
    .map(([operand, elements, negated]) => inNode(operand, elements, negated));
const jsonConstants: fc.Arbitrary<Node> = fc.oneof(
  numberNodes,
  texts,
  fc.boolean().map(bool),
  fc.array(fc.oneof(numberNodes, texts), { maxLength: 3 }).map(list),
);

const patterns = fc
  .array(fc.constantFrom('a', 'b', 'c', '%', '_', '\\%', '\\_', 'é', '😀'), { maxLength: 5 })
  .map((parts) => string(parts.join('')));
const regexes = fc
  .constantFrom('', 'a', '^a', 'b$', 'a+b', '[ab]c?', 'é|😀', '^(ab)*$', 'a.b', '^.$', 'x\\n')
  .map(string);
const match = (op: 'like' | '=~' | '!~', operand: Node, pattern: Node): Node => ({
  kind: 'match',
  op,
  operand,
  pattern,
  ...at,
});
const matches = (operands: fc.Arbitrary<Node>): fc.Arbitrary<Node> =>
  fc.oneof(
    fc.tuple(operands, patterns).map(([operand, pattern]) => match('like', operand, pattern)),
    fc
      .tuple(fc.constantFrom('=~' as const, '!~' as const), operands, regexes)
      .map(([op, operand, pattern]) => match(op, operand, pattern)),
  );

const anyPaths = fc.oneof(
  fc
    .constantFrom(...fields.filter((field) => !isMember(field)).map((field) => field.name))
    .map((name) => path(name)),
  jsonPaths,
  fc.nat(4).map((index) => path('int64s', index)),
);
const contains = (
  name: string,
  operand: fc.Arbitrary<Node>,
  constants: fc.Arbitrary<Node>,
): fc.Arbitrary<Node> =>
  fc.oneof(
    fc.tuple(operand, constants).map(([target, constant]) => call(`${name}_contains`, [target, constant])),
    fc
      .tuple(fc.constantFrom('all', 'any'), operand, fc.array(constants, { maxLength: 3 }))
      .map(([mode, target, elements]) => call(`${name}_contains_${mode}`, [target, list(elements)])),
  );

const current = (member?: string): Node => ({ kind: 'current', member, ...at });
const connect = (leaves: fc.Arbitrary<Node>): fc.Arbitrary<Node> =>
  fc.letrec<{ node: Node }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaves,
      tie('node').map((operand): Node => ({ kind: 'not', operand, ...at })),
      fc
        .tuple(
          fc.constantFrom('and' as const, 'or' as const),
          fc.array(tie('node'), { minLength: 2, maxLength: 4 }),
        )
        .map(([kind, operands]): Node => ({ kind, operands, ...at })),
    ),
  })).node;
const elementLeaves = (ints: Node, strings: Node): fc.Arbitrary<Node> =>
  fc.oneof(
    comparing(fc.constant(ints), comparisons, numberNodes),
    comparing(fc.constant(strings), comparisons, texts),
    inside(fc.constant(ints), intValues.map(int)),
    matches(fc.constant(strings)),
  );
const quantified = (field: string, inner: fc.Arbitrary<Node>): fc.Arbitrary<Node> =>
  fc.oneof(
    fc
      .tuple(fc.constantFrom('match_all', 'match_any'), connect(inner))
      .map(([name, predicate]) => call(name, [path(field), predicate])),
    fc
      .tuple(fc.constantFrom('match_least', 'match_most', 'match_exact'), connect(inner), fc.nat(3))
      .map(([name, predicate, threshold]) => call(name, [path(field), predicate], threshold)),
  );

/** One question, by kind. */
export const filterLeaves: Readonly<Record<string, fc.Arbitrary<Node>>> = {
  'numbers and constants': comparing(plainNumbers, comparisons, numberNodes),
  'numbers in JSON and constants': comparing(jsonNumbers, comparisons, numberNodes),
  'two numbers': fc
    .tuple(plainNumbers, comparisons, plainNumbers)
    .map(([left, op, right]) => compare(op, left, right)),
  chains,
  texts: fc.oneof(
    comparing(textOperands, comparisons, texts),
    comparing(jsonPaths, comparisons, texts),
    fc.tuple(textOperands, comparisons, textOperands).map(([left, op, right]) => compare(op, left, right)),
  ),
  booleans: fc.oneof(
    comparing(
      fc.constant(path('bool')),
      comparisons.filter((op) => op === '==' || op === '!='),
      fc.boolean().map(bool),
    ),
    comparing(fc.constant(path('bool')), comparisons, fc.boolean().map(bool)),
    comparing(jsonPaths, equalities, fc.boolean().map(bool)),
    fc.constant(path('bool')),
    fc.nat(2).map((index) => path('bools', index)),
    equalities.map((op) => compare(op, path('bool'), path('otherBool'))),
    fc.boolean().map(bool),
  ),
  times: comparing(times, comparisons, isoTimes),
  lists: fc.oneof(
    inside(fc.constant(path('int8s')), fc.array(intValues.map(int), { maxLength: 2 }).map(list)),
    fc
      .tuple(equalities, fc.array(intValues.map(int), { maxLength: 3 }))
      .map(([op, elements]) => compare(op, path('int8s'), list(elements))),
    fc
      .tuple(equalities, jsonPaths, fc.array(jsonConstants, { maxLength: 3 }))
      .map(([op, operand, elements]) => compare(op, operand, list(elements))),
  ),
  'in lists': fc.oneof(
    inside(
      intOperands.filter((node) => node.kind === 'path'),
      intValues.map(int),
    ),
    inside(realOperands, numberNodes),
    inside(textOperands, texts),
    inside(fc.constant(path('bool')), fc.boolean().map(bool)),
    inside(fc.constant(path('time')), isoTimes),
    inside(jsonPaths, jsonConstants),
  ),
  patterns: matches(fc.oneof(textOperands, jsonPaths)),
  nulls: fc
    .tuple(fc.boolean(), anyPaths)
    .map(([negated, operand]): Node => ({ kind: 'is-null', negated, operand, ...at })),
  exists: fc.tuple(keys, fc.option(keys)).map(([first, second]): Node => {
    const operand = second === null ? path('json', first) : path('json', first, second);
    return { kind: 'exists', operand, ...at };
  }),
  contains: fc.oneof(
    contains(
      'array',
      fc.constantFrom('int8s', 'int64s').map((name) => path(name)),
      numberNodes,
    ),
    contains(
      'array',
      fc.constantFrom('floats', 'doubles').map((name) => path(name)),
      numberNodes,
    ),
    contains('array', fc.constant(path('texts')), texts),
    contains('json', jsonPaths, jsonConstants),
  ),
  elements: fc.oneof(
    quantified('int64s', comparing(fc.constant(current()), comparisons, numberNodes)),
    quantified('texts', comparing(fc.constant(current()), comparisons, texts)),
    quantified('s', elementLeaves(current('ints'), current('texts'))),
  ),
};
export const anyFilter: fc.Arbitrary<Node> = connect(fc.oneof(...Object.values(filterLeaves)));
