// `function_chains` of a search: steps over the hits of its page, which compute columns of numbers, put the hits in order and leave some out.
// Stage L2 alone, over the hits of all shards; with the ranges and, where they are known, the texts of Milvus.
import { ElanusError } from '#base/errors.js';
import { refuse } from '#model/params/request-params.js';
import { DataType, isStringType, numberTypes } from '#model/schema/data-type.js';
import { primaryField } from '#model/schema/field.js';
import { dataTypeName, fieldByName } from '#model/schema/schema-view.js';
import {
  type CollectionSchema,
  type FieldSchema,
  type FunctionChain,
  type FunctionChainExprArg,
  type FunctionChainOp,
  FunctionChainStage,
} from '#proto/milvus/schema.js';
import { type ChainKind, chainExpr, type ModelExpr, type NumberExpr } from './chain-expr.js';
import { ChainParams } from './chain-params.js';

export const CHAIN_SCORE = '$score';
export const CHAIN_ID = '$id';

export type ChainArg =
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'literal'; readonly value: number };

export type ChainStep =
  | {
      readonly kind: 'map';
      readonly output: string;
      readonly args: readonly ChainArg[];
      readonly expr: NumberExpr;
    }
  | { readonly kind: 'model'; readonly output: string; readonly column: string; readonly model: ModelExpr }
  | {
      readonly kind: 'sort';
      readonly column: string;
      readonly isDescending: boolean;
      readonly tieBreak: string | undefined;
    }
  | { readonly kind: 'limit'; readonly limit: number; readonly offset: number };

export interface ChainPlan {
  readonly steps: readonly ChainStep[];
  /** Those that are read of the rows. */
  readonly fields: readonly FieldSchema[];
}

const STEPS_MAX = 64;

/** Undefined: there are none. @throws invalid_parameter, unsupported */
export function parseFunctionChains(
  schema: CollectionSchema,
  chains: readonly FunctionChain[],
): ChainPlan | undefined {
  const stages = new Set<FunctionChainStage>();
  for (const { stage } of chains) {
    if (stages.has(stage)) refuse(`function chain stage ${stageName(stage)} appears more than once`);
    stages.add(stage);
  }
  for (const [at, { stage }] of chains.entries()) checkStage(stage, at);
  const [chain] = chains;
  if (chain === undefined) return undefined;
  const { length } = chain.ops;
  if (length < 1 || length > STEPS_MAX)
    refuse(
      `function chain[0] has ${length} ops, expected 1 to ${STEPS_MAX}: it must contain at least one op`,
    );
  return new ChainReader(schema).read(chain.ops);
}

/** @throws invalid_parameter where a model would not have a query for each of the search */
export function checkChainQueries(chain: ChainPlan | undefined, nq: number): void {
  for (const step of chain?.steps ?? [])
    if (step.kind === 'model' && step.model.queries.length !== nq)
      refuse(
        `nq must equal to queries size, but got nq [${nq}], queries size [${step.model.queries.length}]`,
      );
}

const stageNames: ReadonlyMap<number, string> = new Map(
  Object.entries(FunctionChainStage).map(([name, stage]) => [stage, name]),
);
const stageName = (stage: number): string => stageNames.get(stage) ?? String(stage);

function checkStage(stage: FunctionChainStage, at: number): void {
  switch (stage) {
    case FunctionChainStage.FunctionChainStageL2Rerank:
      return;
    case FunctionChainStage.FunctionChainStageL0Rerank:
      throw new ElanusError(
        'unsupported',
        'function chains of the stage L0 are not supported in this version; use boosts of function_score, or the stage L2',
      );
    default:
      refuse(`function chain[${at}] stage ${stageName(stage)} is not supported in search request; use L2`);
  }
}

const numbers: ReadonlySet<number> = new Set(numberTypes);

function kindOf({ dataType }: FieldSchema): ChainKind | undefined {
  if (numbers.has(dataType)) return 'number';
  if (isStringType(dataType)) return 'text';
  if (dataType === DataType.Timestamptz) return 'time';
  return dataType === DataType.Bool ? 'bool' : undefined;
}

class ChainReader {
  readonly #schema: CollectionSchema;
  readonly #kinds = new Map<string, ChainKind>();
  readonly #fields: FieldSchema[] = [];

  constructor(schema: CollectionSchema) {
    this.#schema = schema;
    this.#kinds.set(CHAIN_SCORE, 'number');
    this.#kinds.set(CHAIN_ID, kindOf(primaryField(schema)) ?? 'number');
  }

  read(ops: readonly FunctionChainOp[]): ChainPlan {
    const steps = ops.map((op, at) => this.#step(op, `function chain op[${at}]`));
    return { steps, fields: this.#fields };
  }

  #step(op: FunctionChainOp, where: string): ChainStep {
    switch (op.op) {
      case 'map':
        return this.#map(op, where);
      case 'sort':
        return this.#sort(op, where);
      case 'limit':
        return limitOf(op, where);
      default:
        return refuse(
          `${where}: unsupported function chain operator: ${op.op.slice(0, 64)}; use map, sort or limit`,
        );
    }
  }

  #map({ expr, inputs, outputs, params }: FunctionChainOp, where: string): ChainStep {
    if (expr === undefined) return refuse(`${where}: map operator requires an expression`);
    if (inputs.length > 0) refuse(`${where}: map operator must not declare inputs; its expression has them`);
    new ChainParams(where, params).finish();
    const [output] = outputs;
    if (output === undefined || output === '' || outputs.length > 1)
      return refuse(`${where}: map operator requires exactly one output`);
    const args = expr.args.map((arg) => this.#arg(arg, where));
    const kinds = args.map((arg) => (arg.kind === 'literal' ? 'number' : this.#kindOf(arg.name, where)));
    const place = `${where} expression ${expr.name.slice(0, 64)}`;
    const parsed = chainExpr(expr.name, kinds, new ChainParams(place, expr.params));
    if (output.startsWith('$') && output !== CHAIN_SCORE)
      refuse(`${where}: system output "${output.slice(0, 200)}" is not writable by L2 rerank function chain`);
    if (fieldByName(this.#schema, output) !== undefined)
      refuse(`${where}: function chain output "${output}" conflicts with a collection field`);
    this.#kinds.set(output, 'number');
    if (parsed.kind !== 'model') return { kind: 'map', output, args, expr: parsed };
    const [text] = args;
    return { kind: 'model', output, column: text?.kind === 'column' ? text.name : '', model: parsed };
  }

  #arg({ arg }: FunctionChainExprArg, where: string): ChainArg {
    if (arg?.$case === 'column') return { kind: 'column', name: arg.value.name };
    const value = arg?.value.value;
    if (value?.$case === 'int64Value' || value?.$case === 'doubleValue') {
      const number = Number(value.value);
      if (Number.isFinite(number)) return { kind: 'literal', value: number };
    }
    return refuse(`${where}: an argument of an expression must be a column or a finite number`);
  }

  #sort({ expr, inputs, outputs, params: sent }: FunctionChainOp, where: string): ChainStep {
    if (expr !== undefined || outputs.length > 0)
      refuse(`${where}: sort operator must not contain expression or outputs`);
    const params = new ChainParams(where, sent);
    const column = params.text('column') ?? refuse(`${where}: sort column must be a non-empty string`);
    const isDescending = params.flag('desc') ?? true;
    const tieBreak = params.text('tie_break_col');
    params.finish();
    const read = tieBreak === undefined ? [column] : [column, tieBreak];
    if (inputs.length > 0 && inputs.join('\n') !== read.join('\n'))
      refuse(`${where}: sort inputs must match column and tie_break_col`);
    for (const name of read) this.#kindOf(name, where);
    return { kind: 'sort', column, isDescending, tieBreak };
  }

  /** What is in a column: one of an earlier step, or a field, which is read then. */
  #kindOf(name: string, where: string): ChainKind {
    const known = this.#kinds.get(name);
    if (known !== undefined) return known;
    const shown = name.slice(0, 200);
    if (name.startsWith('$'))
      refuse(`${where}: system input "${shown}" is not supported by L2 rerank function chain`);
    const field =
      fieldByName(this.#schema, name) ??
      refuse(`${where}: function chain input "${shown}" is neither a previous output nor a collection field`);
    const kind =
      kindOf(field) ??
      refuse(
        `${where}: function chain input "${shown}" has unsupported field type ${dataTypeName(field.dataType)}`,
      );
    this.#kinds.set(name, kind);
    this.#fields.push(field);
    return kind;
  }
}

function limitOf({ expr, inputs, outputs, params: sent }: FunctionChainOp, where: string): ChainStep {
  if (expr !== undefined || inputs.length + outputs.length > 0)
    refuse(`${where}: limit operator must not contain expression, inputs, or outputs`);
  const params = new ChainParams(where, sent);
  const limit = params.whole('limit') ?? 0;
  const offset = params.whole('offset') ?? 0;
  params.finish();
  if (limit <= 0) refuse(`${where}: function chain limit must be a positive integer`);
  if (offset < 0) refuse(`${where}: function chain offset must be a non-negative integer`);
  return { kind: 'limit', limit, offset };
}
