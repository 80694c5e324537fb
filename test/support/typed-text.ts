// Writes a checked filter on one line, so that a table of tests can show it.
import { unpackedTexts } from '../../src/expr/text-set.js';
import type {
  CheckedFilter,
  ElementPredicate,
  FieldRef,
  LikePattern,
  Literal,
  Operand,
  Predicate,
  ValueSet,
} from '../../src/expr/typed.js';

const nameOf = (field: FieldRef): string => field.name;

function literalText(literal: Literal): string {
  switch (literal.type) {
    case 'text':
      return JSON.stringify(literal.value);
    case 'list':
      return `[${literal.values.map(literalText).join(', ')}]`;
    case 'int':
    case 'bool':
      return String(literal.value);
    case 'time':
      return `time ${literal.value}`;
    default:
      return `${literal.type} ${Object.is(literal.value, -0) ? '-0' : literal.value}`;
  }
}

function operandText(operand: Operand): string {
  switch (operand.kind) {
    case 'field':
      return nameOf(operand.field);
    case 'json':
      return `${nameOf(operand.field)}${operand.path.map((step) => `/${step}`).join('')}`;
    case 'element':
      return `${nameOf(operand.field)}#${operand.index}`;
    case 'current':
      return `$${nameOf(operand.field)}`;
    case 'length':
      return `length(${operandText(operand.of)})`;
    case 'constant':
      return operand.type === 'int' ? String(operand.value) : `${operand.type} ${operand.value}`;
    case 'shifted':
      return `${nameOf(operand.field)} shifted by ${operand.months} months ${operand.micros}`;
    case 'arithmetic':
      return `${operand.type}(${operandText(operand.left)} ${operand.op} ${operandText(operand.right)})`;
  }
}

function setText({ bools, ints, doubles, texts, lists }: ValueSet): string {
  const values = [
    ...bools,
    ...ints,
    ...[...doubles].map((value) => `double ${value}`),
    ...Array.from(unpackedTexts(texts), (text) => JSON.stringify(text)),
  ];
  return `{${[...values, ...lists.map(literalText)].join(', ')}}`;
}

function patternText(pattern: LikePattern): string {
  if (pattern.kind !== 'general') return `${pattern.kind} ${JSON.stringify(pattern.text)}`;
  return pattern.parts
    .map((part) => (part.kind === 'text' ? JSON.stringify(part.text) : part.kind))
    .join(' ');
}

const elementsText = ({ over, predicate }: ElementPredicate): string =>
  `${nameOf(over)}: ${predicateText(predicate)}`;

function predicateText(predicate: Predicate): string {
  switch (predicate.kind) {
    case 'constant':
      return String(predicate.value);
    case 'and':
    case 'or':
      return `(${predicate.operands.map(predicateText).join(` ${predicate.kind} `)})`;
    case 'not':
      return `not ${predicateText(predicate.operand)}`;
    case 'compare':
      return `${operandText(predicate.operand)} ${predicate.op} ${literalText(predicate.value)}`;
    case 'range': {
      const { operand, lower, lowerInclusive, upper, upperInclusive } = predicate;
      return `${literalText(lower)} <${lowerInclusive ? '=' : ''} ${operandText(operand)} <${upperInclusive ? '=' : ''} ${literalText(upper)}`;
    }
    case 'compare-operands':
      return `${operandText(predicate.left)} ${predicate.op} ${operandText(predicate.right)}`;
    case 'in':
      return `${operandText(predicate.operand)} in ${setText(predicate.values)}`;
    case 'member':
      return `${operandText(predicate.operand)} in ${predicate.members.kind}`;
    case 'like':
      return `${operandText(predicate.operand)} like ${patternText(predicate.pattern)}`;
    case 'regex':
      return `${operandText(predicate.operand)} =~ ${JSON.stringify(predicate.source)}`;
    case 'words':
      return `${operandText(predicate.operand)} has ${JSON.stringify(predicate.words)}`;
    case 'is-null':
      return `${nameOf(predicate.field)} is${predicate.negated ? ' not' : ''} null`;
    case 'exists':
      return `exists ${operandText(predicate.operand)}`;
    case 'contains':
      return `${operandText(predicate.operand)} contains ${predicate.mode} ${setText(predicate.values)}`;
    case 'spatial':
      return `${nameOf(predicate.field)} ${predicate.op} ${predicate.geometry.kind}`;
    case 'near':
      return `${nameOf(predicate.field)} near ${predicate.longitude} ${predicate.latitude} ${predicate.metres}`;
    case 'valid-geometry':
      return `${nameOf(predicate.field)} is valid`;
    case 'match': {
      const count = predicate.threshold === 0 ? '' : ` ${predicate.threshold}`;
      return `${predicate.quantifier}${count} of ${elementsText(predicate.elements)}`;
    }
  }
}

export function checkedText(filter: CheckedFilter): string {
  if (filter.kind === 'all') return 'all';
  if (filter.kind === 'keys') return `${filter.negated ? 'not ' : ''}${filter.keyCount} keys`;
  const elements = filter.elements === undefined ? '' : `, elements of ${elementsText(filter.elements)}`;
  const sample = filter.sampleShare === undefined ? '' : `, sample ${filter.sampleShare}`;
  return `${predicateText(filter.predicate)}${elements}${sample}`;
}
