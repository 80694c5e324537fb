// Reads what stands for a value: a constant, something of a row, or arithmetic over both. Constants are computed on the way up.

import type { Node, ArithmeticOp as WrittenOp } from '#expr/ast.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import type { ArithmeticOp, Operand } from '#expr/typed.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { fieldTypeName, operandTypeName } from './comparison.js';
import { type Constant, constantTypeName, intConstant } from './constants.js';
import { foldArithmetic, negateConstant, notExecuted, opNames } from './fold.js';
import { type ElementScope, elementCountField, resolveCurrent, resolvePath } from './names.js';
import { type Templates, templateConstant } from './templates.js';
import { intervalConstant, timeConstant } from './times.js';

/** What a filter is read against. */
export interface CheckContext {
  readonly schema: CollectionSchema;
  readonly templates: Templates;
  /** IANA name of the zone that times without an offset are in. */
  readonly zone: string;
  /** What `$` is; undefined outside of predicates over elements. */
  readonly scope: ElementScope | undefined;
}

export type Value =
  | { readonly kind: 'constant'; readonly constant: Constant }
  | { readonly kind: 'operand'; readonly operand: Operand };

const constantValue = (constant: Constant): Value => ({ kind: 'constant', constant });
const operandValue = (operand: Operand): Value => ({ kind: 'operand', operand });

/** @throws FilterSyntaxError for what is no value, as a comparison is none */
export function readValue(context: CheckContext, node: Node): Value {
  switch (node.kind) {
    case 'int':
      return constantValue(intConstant(node.value, node.begin));
    case 'double':
    case 'bool':
    case 'string':
    case 'iso':
    case 'interval':
      return constantValue(literal(context, node));
    case 'ints':
      return constantValue({ type: 'list', kind: 'ints', values: node.values });
    case 'strings':
      return constantValue({ type: 'list', kind: 'texts', values: node.values });
    case 'list':
      return constantValue({ type: 'list', kind: 'mixed', values: elements(context, node.elements) });
    case 'template':
      return constantValue(templateConstant(context.templates, node.name, node.begin));
    case 'path':
      return operandValue(pathOperand(context, node));
    case 'current':
      return operandValue(resolveCurrent(context.scope, node));
    case 'unary':
      return unary(context, node);
    case 'arithmetic':
      return arithmetic(context, node);
    case 'call':
      return call(context, node);
    default:
      throw new FilterSyntaxError(
        'a comparison is where a value is expected; put brackets around what is compared',
        node.begin,
      );
  }
}

type NodeOf<K extends Node['kind']> = Extract<Node, { readonly kind: K }>;

function literal(
  context: CheckContext,
  node: NodeOf<'double' | 'bool' | 'string' | 'iso' | 'interval'>,
): Constant {
  switch (node.kind) {
    case 'double':
      return { type: 'double', value: node.value };
    case 'bool':
      return { type: 'bool', value: node.value };
    case 'string':
      return { type: 'text', value: node.value };
    case 'iso':
      return timeConstant(node.text, context.zone, node.begin);
    case 'interval':
      return intervalConstant(node.text, node.begin);
  }
}

function elements(context: CheckContext, nodes: readonly Node[]): Constant[] {
  return nodes.map((node) => {
    const value = readValue(context, node);
    if (value.kind === 'constant') return value.constant;
    throw new FilterSyntaxError(
      'array element type must be generic value: a list holds constants only',
      node.begin,
    );
  });
}

function pathOperand(context: CheckContext, node: NodeOf<'path'>): Operand {
  // `null` is no name that anybody gives, and comparing with it is no mistake of a name.
  if (/^(?:null|NULL)$/.test(node.name) && !context.schema.fields.some((field) => field.name === node.name)) {
    throw new FilterSyntaxError(
      "nothing compares with null, expected 'is null' or 'is not null' behind the name",
      node.begin,
    );
  }
  if (context.scope !== undefined) {
    throw new FilterSyntaxError(
      `field ${node.name} is no element, expected '$' or '$[field]' in a predicate over elements`,
      node.begin,
    );
  }
  const named = resolvePath(context.schema, node);
  if (named.kind === 'operand') return named.operand;
  if (named.kind === 'struct') {
    throw new FilterSyntaxError(
      `${named.struct.name} is a struct array, which has no value; name a field like ${named.struct.name}[field]`,
      node.begin,
    );
  }
  throw new FilterSyntaxError(
    `comparisons with field ${named.field.name} of type ${fieldTypeName(named.field)} are not supported`,
    node.begin,
  );
}

function unary(context: CheckContext, node: NodeOf<'unary'>): Value {
  const { op, operand, begin } = node;
  if (op === '~')
    throw new FilterSyntaxError(
      "'~' is not supported: it is read, but Milvus has no way to execute it",
      begin,
    );
  // The least number of 64 bits is the negative of one that does not fit.
  if (op === '-' && operand.kind === 'int') return constantValue(intConstant(-operand.value, begin));
  const value = readValue(context, operand);
  if (op === '-' && value.kind === 'constant') return constantValue(negateConstant(value.constant, begin));
  const zero: Value = constantValue({ type: 'int', value: 0n });
  if (op === '-') return combine('-', zero, value, begin);
  // A sign that changes nothing still asks for a number.
  if (value.kind === 'constant') foldArithmetic('+', value.constant, { type: 'int', value: 0n }, begin);
  else combine('+', zero, value, begin);
  return value;
}

function arithmetic(context: CheckContext, node: NodeOf<'arithmetic'>): Value {
  // A long sum leans to the left: it is walked down by a loop and built on the way back.
  const operations: NodeOf<'arithmetic'>[] = [];
  let left: Node = node;
  for (; left.kind === 'arithmetic'; left = left.left) operations.push(left);
  let value = readValue(context, left);
  for (let at = operations.length - 1; at >= 0; at--) {
    const operation = operations[at] as NodeOf<'arithmetic'>;
    value = combine(operation.op, value, readValue(context, operation.right), operation.begin);
  }
  return value;
}

function combine(op: WrittenOp, left: Value, right: Value, at: number): Value {
  if (left.kind === 'constant' && right.kind === 'constant') {
    return constantValue(foldArithmetic(op, left.constant, right.constant, at));
  }
  if (left.kind === 'operand' && right.kind === 'constant' && right.constant.type === 'interval') {
    return operandValue(shifted(op, left.operand, right.constant, at));
  }
  if (op === '**') return power(left, right, at);
  if (op === '<<' || op === '>>') throw notExecuted(op, at);
  const [leftSide, rightSide] = [side(op, left, at), side(op, right, at)];
  const type = resultType(op, leftSide, rightSide, at);
  if ((op === '/' || op === '%') && rightSide.kind === 'constant' && Number(rightSide.value) === 0) {
    throw new FilterSyntaxError('division or modulus by zero', at);
  }
  return operandValue({
    kind: 'arithmetic',
    type,
    op,
    left: typedSide(leftSide, type),
    right: typedSide(rightSide, type),
  });
}

/** Larger powers of what is not a constant are refused: each is a product of so many factors. */
const POWER_MAX = 8n;

/** `x ** 3` is `x * x * x`: Milvus's guide has powers of fields, although Milvus takes those of constants alone. */
function power(base: Value, exponent: Value, at: number): Value {
  const times =
    exponent.kind === 'constant' && exponent.constant.type === 'int' ? exponent.constant.value : 0n;
  if (times < 1n || times > POWER_MAX)
    throw new FilterSyntaxError(
      `power can only apply on constants, or on a number with a whole exponent from 1 to ${POWER_MAX}`,
      at,
    );
  let product = base;
  for (let factors = 1n; factors < times; factors++) product = combine('*', product, base, at);
  return product;
}

function shifted(
  op: WrittenOp,
  operand: Operand,
  interval: Constant & { readonly type: 'interval' },
  at: number,
): Operand {
  if (
    (op !== '+' && op !== '-') ||
    (operand.kind !== 'field' && operand.kind !== 'shifted') ||
    operand.type !== 'time'
  ) {
    throw new FilterSyntaxError(
      `'${opNames[op]}' cannot perform arithmetic between ${operandTypeName(operand)} and Interval`,
      at,
    );
  }
  const sign = op === '+' ? 1 : -1;
  if (operand.kind === 'shifted') {
    // Months after microseconds are not the same as before them.
    if (interval.months !== 0)
      throw new FilterSyntaxError('only one interval with months or years can be added to a field', at);
    return { ...operand, micros: operand.micros + BigInt(sign) * interval.micros };
  }
  return {
    kind: 'shifted',
    type: 'time',
    field: operand.field,
    months: sign * interval.months,
    micros: BigInt(sign) * interval.micros,
  };
}

/** A side of arithmetic: a number of some kind. @throws FilterSyntaxError */
function side(op: WrittenOp, value: Value, at: number): Operand {
  if (value.kind === 'constant') {
    const { constant } = value;
    if (constant.type === 'int' || constant.type === 'double') {
      return { kind: 'constant', type: constant.type, value: constant.value };
    }
    throw new FilterSyntaxError(
      `'${opNames[op]}' cannot perform arithmetic between a field and ${constantTypeName(constant)}`,
      at,
    );
  }
  const { operand } = value;
  if (operand.type === 'list') throw new FilterSyntaxError('can not comparisons array fields directly', at);
  if (
    operand.type === 'int' ||
    operand.type === 'float' ||
    operand.type === 'double' ||
    operand.type === 'json'
  )
    return operand;
  throw new FilterSyntaxError(
    `'${opNames[op]}' cannot perform arithmetic between ${operandTypeName(operand)} field and numbers`,
    at,
  );
}

type NumberType = 'int' | 'float' | 'double' | 'json';

function resultType(op: ArithmeticOp, left: Operand, right: Operand, at: number): NumberType {
  const isReal = (operand: Operand): boolean => operand.type === 'float' || operand.type === 'double';
  if ((op === '%' || op === '&' || op === '|' || op === '^') && (isReal(left) || isReal(right))) {
    throw new FilterSyntaxError(`${opNames[op]} can only apply on integer types`, at);
  }
  if (left.type === 'json' || right.type === 'json') return 'json';
  if (left.type === 'int' && right.type === 'int') return 'int';
  // A constant takes the type of the field; with two fields nothing of either is lost.
  const types = [left, right].filter((operand) => operand.kind !== 'constant').map((operand) => operand.type);
  return types.every((type) => type === 'float') ? 'float' : 'double';
}

/** A constant in the type that is computed in. */
function typedSide(operand: Operand, type: NumberType): Operand {
  if (operand.kind !== 'constant' || type === 'json' || type === 'int') return operand;
  const value = Number(operand.value);
  return { kind: 'constant', type, value: type === 'float' ? Math.fround(value) : value };
}

/** Calls that give a value. */
function call(context: CheckContext, node: NodeOf<'call'>): Value {
  if (node.name !== 'array_length') {
    throw new FilterSyntaxError(`${node.name} gives no value that can be compared`, node.begin);
  }
  const [argument, more] = node.args;
  if (argument?.kind !== 'path' || more !== undefined || node.options.length > 0) throw noArray(node.begin);
  if (context.scope !== undefined)
    throw new FilterSyntaxError('array_length is not for predicates over elements', node.begin);
  const named = resolvePath(context.schema, argument);
  if (named.kind === 'struct') {
    const field = elementCountField({ kind: 'struct', struct: named.struct }, node.begin);
    return operandValue({ kind: 'length', type: 'int', of: { kind: 'field', type: 'list', field } });
  }
  if (named.kind !== 'operand') throw noArray(node.begin);
  const { operand } = named;
  if (operand.kind === 'json' || (operand.kind === 'field' && operand.type === 'list')) {
    return operandValue({ kind: 'length', type: 'int', of: operand });
  }
  throw noArray(node.begin);
}

const noArray = (at: number): FilterSyntaxError =>
  new FilterSyntaxError('array_length operation are only supported on json or array fields now', at);
