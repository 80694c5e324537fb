// An operand compared with a constant: the constant takes the operand's type, exactly, and what no value of the type can satisfy is folded.
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import type { ComparisonOp, FieldRef, Literal, Operand, Predicate } from '#expr/typed.js';
import { DataType } from '#model/schema/data-type.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import { type Constant, constantTypeName, elementsOf } from './constants.js';
import { holds } from './fold.js';
import { known, leafOf } from './leaves.js';
import { timeConstant } from './times.js';

export interface Comparison {
  readonly operand: Operand;
  readonly op: ComparisonOp;
  readonly constant: Constant;
  readonly negated: boolean;
  /** The time zone of times without an offset. */
  readonly zone: string;
  /** Position of the comparison in the filter's text. */
  readonly at: number;
}

/** @throws FilterSyntaxError for a constant of another type */
export function compareConstant(comparison: Comparison): Predicate {
  const { operand, constant } = comparison;
  switch (operand.type) {
    case 'bool':
      if (constant.type === 'bool') return compareBool(comparison, constant.value);
      break;
    case 'int':
      if (constant.type === 'int') return compareInt(comparison, constant.value);
      if (constant.type === 'double') return compareIntWithDouble(comparison, constant.value);
      break;
    case 'float':
    case 'double':
      if (constant.type === 'int' || constant.type === 'double') {
        return leaf(comparison, realLiteral(operand.type, constant.value));
      }
      break;
    case 'text':
      if (constant.type === 'text') return leaf(comparison, constant);
      break;
    case 'time':
      if (constant.type === 'time') return compareTime(comparison, constant.value);
      if (constant.type === 'text') {
        return compareTime(comparison, timeConstant(constant.value, comparison.zone, comparison.at).value);
      }
      break;
    case 'json':
      return compareJson(comparison);
    case 'list':
      if (constant.type === 'list') return compareList(comparison);
      break;
  }
  throw incompatible(operandTypeName(operand), constantTypeName(constant), comparison.at);
}

export const incompatible = (left: string, right: string, at: number): FilterSyntaxError =>
  new FilterSyntaxError(
    `comparison operations cannot be applied to two incompatible operands: comparisons between ${left} and ${right} are not supported`,
    at,
  );

const leaf = ({ operand, op, negated }: Comparison, value: Literal): Predicate =>
  leafOf({ kind: 'compare', operand, op, value }, negated);

/** The same for every value. */
const always = ({ operand, negated }: Comparison, value: boolean): Predicate =>
  known(operand, value !== negated);

function compareBool(comparison: Comparison, value: boolean): Predicate {
  const passes = (candidate: boolean): boolean => holds(comparison.op, Number(candidate) - Number(value));
  if (passes(true) === passes(false)) return always(comparison, passes(true));
  return leaf({ ...comparison, op: '==' }, { type: 'bool', value: passes(true) });
}

const intBits: ReadonlyMap<number, bigint> = new Map([
  [DataType.Int8, 8n],
  [DataType.Int16, 16n],
  [DataType.Int32, 32n],
]);

/** What the integers of an operand can be. */
export function intRange(operand: Operand): { readonly min: bigint; readonly max: bigint } {
  const field = 'field' in operand ? operand.field : undefined;
  const bits =
    intBits.get(field?.dataType === DataType.Array ? field.elementType : (field?.dataType ?? 0)) ?? 64n;
  return { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n };
}

function compareInt(comparison: Comparison, value: bigint): Predicate {
  const { min, max } = intRange(comparison.operand);
  // Every value of the field is on the same side of it.
  if (value > max) return always(comparison, holds(comparison.op, -1));
  if (value < min) return always(comparison, holds(comparison.op, 1));
  return leaf(comparison, { type: 'int', value });
}

function compareIntWithDouble(comparison: Comparison, value: number): Predicate {
  const { op } = comparison;
  if (Number.isNaN(value)) return always(comparison, op === '!=');
  if (!Number.isFinite(value)) return always(comparison, holds(op, value > 0 ? -1 : 1));
  if (Number.isInteger(value)) return compareInt(comparison, BigInt(value));
  if (op === '==' || op === '!=') return always(comparison, op === '!=');
  // Between two integers: below the fraction is at most the lower one, above it at least the upper one.
  if (op === '<' || op === '<=') return compareInt({ ...comparison, op: '<=' }, BigInt(Math.floor(value)));
  return compareInt({ ...comparison, op: '>=' }, BigInt(Math.ceil(value)));
}

const realLiteral = (type: 'float' | 'double', value: bigint | number): Literal => ({
  type,
  value: type === 'float' ? Math.fround(Number(value)) : Number(value),
});

/** Constant times come from years that there are, but intervals may have moved them far. */
function compareTime(comparison: Comparison, value: bigint): Predicate {
  const max = 2n ** 63n - 1n;
  if (value > max) return always(comparison, holds(comparison.op, -1));
  if (value < -max) return always(comparison, holds(comparison.op, 1));
  return leaf(comparison, { type: 'time', value });
}

function compareJson(comparison: Comparison): Predicate {
  const { operand, op, constant } = comparison;
  const value = jsonLiteral(constant);
  if (value === undefined) throw incompatible('JSON', constantTypeName(constant), comparison.at);
  if (value.type === 'list' && op !== '==' && op !== '!=') throw onlyEquality(comparison.at);
  if (value.type === 'bool' && op !== '==' && op !== '!=') throw incompatible('JSON', 'Bool', comparison.at);
  if (
    operand.kind === 'arithmetic' &&
    (value.type === 'list' || value.type === 'text' || value.type === 'bool')
  ) {
    throw incompatible('arithmetic', constantTypeName(constant), comparison.at);
  }
  return leaf(comparison, value);
}

/** As JSON has it: one number has one form. Undefined: JSON has no such values. */
export function jsonLiteral(constant: Constant): Literal | undefined {
  switch (constant.type) {
    case 'bool':
    case 'int':
    case 'text':
      return constant;
    case 'double': {
      const { value } = constant;
      const isInt64 = Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63;
      return isInt64 ? { type: 'int', value: BigInt(value) } : constant;
    }
    case 'list': {
      const values: Literal[] = [];
      for (const element of elementsOf(constant)) {
        const literal = jsonLiteral(element);
        if (literal === undefined) return undefined;
        values.push(literal);
      }
      return { type: 'list', values };
    }
    default:
      return undefined;
  }
}

const onlyEquality = (at: number): FilterSyntaxError =>
  new FilterSyntaxError('can not comparisons array fields directly: lists compare only with == and !=', at);

function compareList(comparison: Comparison): Predicate {
  const { operand, op, constant, at } = comparison;
  if (op !== '==' && op !== '!=') throw onlyEquality(at);
  if (constant.type !== 'list' || operand.kind !== 'field') throw onlyEquality(at);
  const values = listLiterals(operand.field, elementsOf(constant), at);
  return values === undefined ? always(comparison, op === '!=') : leaf(comparison, { type: 'list', values });
}

/** Constants as elements of the field. Undefined: one of them can be none, though its type is right. @throws FilterSyntaxError */
function listLiterals(field: FieldRef, constants: Iterable<Constant>, at: number): Literal[] | undefined {
  const values: Literal[] = [];
  let isPossible = true;
  for (const constant of constants) {
    const literal = elementLiteral(field, constant);
    if (literal === 'other type') throw incompatible(fieldTypeName(field), constantTypeName(constant), at);
    if (literal === undefined) isPossible = false;
    else values.push(literal);
  }
  return isPossible ? values : undefined;
}

/** A constant as a value of the field, or of its elements. Undefined: of the right type, but no value is equal to it. */
export function elementLiteral(field: FieldRef, constant: Constant): Literal | 'other type' | undefined {
  const type = valueTypeOf(field.dataType === DataType.Array ? field.elementType : field.dataType);
  if (type === 'bool' && constant.type === 'bool') return constant;
  if (type === 'text' && constant.type === 'text') return constant;
  if (constant.type !== 'int' && constant.type !== 'double') return 'other type';
  if (type === 'float' || type === 'double') return realLiteral(type, constant.value);
  if (type !== 'int') return 'other type';
  if (constant.type === 'double' && !Number.isInteger(constant.value)) return undefined;
  const value = BigInt(constant.value);
  const { min, max } = intRange({ kind: 'field', type, field });
  return value >= min && value <= max ? { type: 'int', value } : undefined;
}

/** Undefined: values of the type are not compared. */
export function valueTypeOf(type: DataType): Operand['type'] | undefined {
  switch (type) {
    case DataType.Bool:
      return 'bool';
    case DataType.Int8:
    case DataType.Int16:
    case DataType.Int32:
    case DataType.Int64:
      return 'int';
    case DataType.Float:
      return 'float';
    case DataType.Double:
      return 'double';
    case DataType.VarChar:
    case DataType.String:
      return 'text';
    case DataType.Timestamptz:
      return 'time';
    case DataType.JSON:
      return 'json';
    case DataType.Array:
      return 'list';
    default:
      return undefined;
  }
}

/** `VarChar`, `Array[Int64]`. */
export const fieldTypeName = ({ dataType, elementType }: FieldRef): string =>
  dataType === DataType.Array ? `Array[${dataTypeName(elementType)}]` : dataTypeName(dataType);

const computedNames: Readonly<Record<string, string>> = {
  int: 'Int64',
  float: 'Float',
  double: 'Double',
  json: 'JSON',
};

/** The type of an operand, in texts. */
export function operandTypeName(operand: Operand): string {
  switch (operand.kind) {
    case 'field':
    case 'shifted':
      return fieldTypeName(operand.field);
    case 'element':
    case 'current':
      return dataTypeName(operand.field.elementType);
    case 'json':
      return 'JSON';
    default:
      return computedNames[operand.type] ?? operand.type;
  }
}
