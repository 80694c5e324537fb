import { describe, expect, it } from 'vitest';
import {
  CollectionSchema,
  DataType,
  FieldSchema,
  FunctionChain,
  FunctionChainOp,
  FunctionChainStage,
  type FunctionParamValue,
} from '#proto/milvus/schema.js';
import { parseFunctionChains } from './function-chain.js';

const fields: readonly [string, DataType][] = [
  ['id', DataType.Int64],
  ['n', DataType.Int32],
  ['title', DataType.VarChar],
  ['ok', DataType.Bool],
  ['at', DataType.Timestamptz],
  ['doc', DataType.JSON],
  ['v', DataType.FloatVector],
];
const schema = CollectionSchema.create({
  fields: fields.map(([name, dataType], at) =>
    FieldSchema.fromPartial({ name, dataType, fieldID: BigInt(100 + at), isPrimaryKey: at === 0 }),
  ),
});

type Plain = boolean | bigint | number | string | readonly Plain[];
function value(plain: Plain): FunctionParamValue {
  if (typeof plain === 'boolean') return { value: { $case: 'boolValue', value: plain } };
  if (typeof plain === 'bigint') return { value: { $case: 'int64Value', value: plain } };
  if (typeof plain === 'number') return { value: { $case: 'doubleValue', value: plain } };
  if (typeof plain === 'string') return { value: { $case: 'stringValue', value: plain } };
  return { value: { $case: 'arrayValue', value: { values: plain.map(value) } } };
}
const params = (plain: Readonly<Record<string, Plain>>) =>
  Object.fromEntries(Object.entries(plain).map(([key, one]) => [key, value(one)]));

/** Arguments that are texts are columns. */
const map = (
  output: string,
  name: string,
  args: readonly (string | number)[],
  more: Readonly<Record<string, Plain>> = {},
): FunctionChainOp =>
  FunctionChainOp.fromPartial({
    op: 'map',
    outputs: [output],
    expr: {
      name,
      params: params(more),
      args: args.map((arg) =>
        typeof arg === 'string'
          ? { arg: { $case: 'column', value: { name: arg } } }
          : { arg: { $case: 'literal', value: value(arg) } },
      ),
    },
  });
const other = (op: string, more: Readonly<Record<string, Plain>>, rest: object = {}): FunctionChainOp =>
  FunctionChainOp.fromPartial({ op, params: params(more), ...rest });
const L2 = FunctionChainStage.FunctionChainStageL2Rerank;
const chainOf = (ops: readonly FunctionChainOp[], stage: FunctionChainStage = L2): FunctionChain =>
  FunctionChain.create({ stage, ops: [...ops] });
const sum = map('$score', 'num_combine', ['$score', 'n']);

describe('a function chain', () => {
  it('reads the fields that its steps name, each once', () => {
    const plan = parseFunctionChains(schema, [
      chainOf([
        map('near', 'decay', ['n'], { function: 'exp', origin: 1n, scale: 2.5 }),
        map('$score', 'num_combine', ['$score', 'near', 'n', 2], {
          mode: 'weighted',
          weights: [0.5, 1n, 0, 1],
        }),
        other(
          'sort',
          { column: '$score', desc: false, tie_break_col: 'title' },
          { inputs: ['$score', 'title'] },
        ),
        other('limit', { limit: 3n, offset: 1n }),
      ]),
    ]);
    expect(plan?.fields.map(({ name }) => name)).toEqual(['n', 'title']);
    expect(plan?.steps).toMatchObject([
      { expr: { kind: 'decay', curve: { shape: 'exp', origin: 1, scale: 2.5, offset: 0, decay: 0.5 } } },
      { output: '$score', expr: { kind: 'combine', mode: 'weighted', weights: [0.5, 1, 0, 1] } },
      { kind: 'sort', column: '$score', isDescending: false, tieBreak: 'title' },
      { kind: 'limit', limit: 3, offset: 1 },
    ]);
    expect(parseFunctionChains(schema, [])).toBeUndefined();
  });

  it.each<[string, readonly FunctionChainOp[]]>([
    ['must contain at least one op', []],
    ['expected 1 to 64', new Array<FunctionChainOp>(65).fill(sum)],
    ['unsupported function chain operator: merge; use map, sort or limit', [other('merge', {})]],
    ['map operator requires an expression', [other('map', {}, { outputs: ['x'] })]],
    ['requires exactly one output', [{ ...sum, outputs: ['a', 'b'] }]],
    ['must not declare inputs', [{ ...sum, inputs: ['n'] }]],
    ['has no parameter x', [{ ...sum, params: params({ x: 1n }) }]],
    ['"$id" is not writable', [map('$id', 'round_decimal', ['n'], { decimal: 1n })]],
    ['"n" conflicts with a collection field', [map('n', 'round_decimal', ['n'], { decimal: 1n })]],
    [
      '"later" is neither a previous output',
      [map('x', 'num_combine', ['later', 'n']), map('later', 'num_combine', ['n', 'n'])],
    ],
    ['system input "$tmp" is not supported', [map('x', 'num_combine', ['$tmp', 'n'])]],
    ['"doc" has unsupported field type JSON', [map('x', 'num_combine', ['doc', 'n'])]],
    ['"v" has unsupported field type FloatVector', [other('sort', { column: 'v' })]],
    ['at least two numeric arguments', [map('x', 'num_combine', ['n'])]],
    ['at least two numeric arguments', [map('x', 'num_combine', ['n', 'title'])]],
    ['a column or a finite number', [map('x', 'num_combine', ['n', Number.NaN])]],
    ['unsupported num_combine mode: median', [map('x', 'num_combine', ['n', 'n'], { mode: 'median' })]],
    ["weights require mode='weighted'", [map('x', 'num_combine', ['n', 'n'], { weights: [1, 1] })]],
    ['requires 2 weights', [map('x', 'num_combine', ['n', 'n'], { mode: 'weighted', weights: [1] })]],
    ['requires 2 weights', [map('x', 'num_combine', ['n', 'n'], { mode: 'weighted' })]],
    ['weights must be numeric and finite', [map('x', 'num_combine', ['n', 'n'], { weights: ['a'] })]],
    ['has no parameter top', [map('x', 'num_combine', ['n', 'n'], { top: 1n })]],
    ['exactly one numeric argument', [map('x', 'decay', ['at'], { function: 'exp', origin: 0n, scale: 1n })]],
    [
      'unsupported decay function: log',
      [map('x', 'decay', ['n'], { function: 'log', origin: 0n, scale: 1n })],
    ],
    ['origin must be numeric', [map('x', 'decay', ['n'], { function: 'exp', scale: 1n })]],
    ['requires scale > 0', [map('x', 'decay', ['n'], { function: 'exp', origin: 0n, scale: 0n })]],
    ['0 < decay < 1', [map('x', 'decay', ['n'], { function: 'exp', origin: 0n, scale: 1n, decay: 1n })]],
    ['integer in [0, 6]', [map('x', 'round_decimal', ['n'], { decimal: 7n })]],
    ['decimal must be an integer', [map('x', 'round_decimal', ['n'], { decimal: 1.5 })]],
    ['unsupported function chain expression', [map('x', 'sqrt', ['n'])]],
    ['exactly one text argument', [map('x', 'rerank_model', ['n'], { queries: ['a'] })]],
    ['queries must be a non-empty list', [map('x', 'rerank_model', ['title'])]],
    ['queries must be a non-empty list', [map('x', 'rerank_model', ['title'], { queries: [''] })]],
    ['queries must be a list of strings', [map('x', 'rerank_model', ['title'], { queries: [1] })]],
    ['provider must be a text', [map('x', 'rerank_model', ['title'], { queries: ['a'], provider: ['tei'] })]],
    ['xgboost is not supported', [map('x', 'xgboost', ['n'])]],
    ['sort column must be a non-empty string', [other('sort', {})]],
    ['desc must be a boolean', [other('sort', { column: 'n', desc: 1n })]],
    ['sort inputs must match', [other('sort', { column: 'n' }, { inputs: ['ok'] })]],
    ['must not contain expression or outputs', [other('sort', { column: 'n' }, { outputs: ['x'] })]],
    ['limit must be a positive integer', [other('limit', { limit: 0n })]],
    ['offset must be a non-negative integer', [other('limit', { limit: 1n, offset: -1n })]],
    ['must not contain expression, inputs, or outputs', [other('limit', { limit: 1n }, { inputs: ['n'] })]],
  ])('is refused: %s', (why, ops) => {
    expect(() => parseFunctionChains(schema, [chainOf(ops)])).toThrow(why);
  });

  it('is of the stage L2, once', () => {
    const of =
      (...stages: FunctionChainStage[]) =>
      () =>
        parseFunctionChains(
          schema,
          stages.map((stage) => chainOf([sum], stage)),
        );
    expect(of(L2, L2)).toThrow('stage FunctionChainStageL2Rerank appears more than once');
    expect(of(L2, FunctionChainStage.FunctionChainStageL0Rerank)).toThrow(
      expect.objectContaining({ key: 'unsupported' }),
    );
    for (const stage of [
      FunctionChainStage.FunctionChainStageUnspecified,
      FunctionChainStage.FunctionChainStageL1Rerank,
      FunctionChainStage.FunctionChainStagePostProcess,
    ])
      expect(of(stage)).toThrow('is not supported in search request');
  });
});
