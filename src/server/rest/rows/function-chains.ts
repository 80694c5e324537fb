// Function chains of a search as JSON: `{"ops": [{"op": "map", "outputs": ["fresh"], "expr": {"name": "decay", "args": ["year"], "params": {…}}}]}`. A
// text among the arguments is a column, as `{"column": "year"}` is; a number is itself.
import { z } from 'zod';
import type { JsonValue } from '#model/json/exact-json.js';
import {
  FunctionChain,
  type FunctionChainExprArg,
  FunctionChainStage,
  type FunctionParamValue,
} from '#proto/milvus/schema.js';
import { notJson } from '#server/rest/rest-failure.js';

const texts = z.array(z.string());
const values = z.record(z.string(), z.unknown());

const arg = z.union([
  z.string(),
  z.number(),
  z.bigint(),
  z.strictObject({ column: z.string() }),
  z.strictObject({ literal: z.unknown() }),
]);

const op = z.strictObject({
  op: z.string(),
  expr: z
    .strictObject({ name: z.string(), args: z.array(arg).default([]), params: values.nullish() })
    .optional(),
  inputs: texts.default([]),
  outputs: texts.default([]),
  params: values.nullish(),
});

export const chainsShape = z.array(
  z.strictObject({
    name: z.string().default(''),
    stage: z
      .string()
      .default('L2_RERANK')
      .meta({ examples: ['L2_RERANK'] }),
    ops: z.array(op),
  }),
);

export const chainsOf = (chains: z.output<typeof chainsShape>): FunctionChain[] =>
  chains.map(({ name, stage, ops }) =>
    FunctionChain.fromPartial({
      name,
      stage: stageOf(stage),
      ops: ops.map(({ expr, params, ...rest }) => ({
        ...rest,
        params: paramsOf(params ?? {}),
        ...(expr === undefined
          ? {}
          : { expr: { name: expr.name, args: expr.args.map(argOf), params: paramsOf(expr.params ?? {}) } }),
      })),
    }),
  );

const plainName = (name: string): string =>
  name
    .replace(/^FunctionChainStage/, '')
    .replaceAll('_', '')
    .toLowerCase();

/** `L2_RERANK` as the clients have it, or as the messages do. */
function stageOf(text: string): FunctionChainStage {
  const found = Object.entries(FunctionChainStage).find(([name]) => plainName(name) === plainName(text));
  return found === undefined
    ? notJson(`functionChains: there is no stage ${text.slice(0, 64)}, expected L2_RERANK`)
    : found[1];
}

function argOf(given: z.output<typeof arg>): FunctionChainExprArg {
  if (typeof given === 'string') return { arg: { $case: 'column', value: { name: given } } };
  if (typeof given !== 'object') return { arg: { $case: 'literal', value: paramValue('args', given) } };
  if ('column' in given) return { arg: { $case: 'column', value: { name: given.column } } };
  return { arg: { $case: 'literal', value: paramValue('args', given.literal as JsonValue) } };
}

const paramsOf = (params: Readonly<Record<string, unknown>>): { [name: string]: FunctionParamValue } =>
  Object.fromEntries(Object.entries(params).map(([name, one]) => [name, paramValue(name, one as JsonValue)]));

function paramValue(name: string, value: JsonValue): FunctionParamValue {
  if (typeof value === 'boolean') return { value: { $case: 'boolValue', value } };
  if (typeof value === 'string') return { value: { $case: 'stringValue', value } };
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) {
    const whole = BigInt(value);
    if (BigInt.asIntN(64, whole) !== whole)
      notJson(`functionChains: ${name} is ${whole}, which int64 cannot hold`);
    return { value: { $case: 'int64Value', value: whole } };
  }
  if (typeof value === 'number') return { value: { $case: 'doubleValue', value } };
  if (value === null) return notJson(`functionChains: ${name} is null, expected a value`);
  if (Array.isArray(value))
    return {
      value: { $case: 'arrayValue', value: { values: value.map((one: JsonValue) => paramValue(name, one)) } },
    };
  return { value: { $case: 'objectValue', value: { fields: paramsOf({ ...value }) } } };
}
