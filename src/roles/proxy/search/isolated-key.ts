// What a filter says of the partition key, for collections that are isolated by it: a search is of one value. Pure.
import { ElanusError } from '#base/errors.js';
import type { Leaf, Operand, Predicate, ValueSet } from '#expr/typed.js';

/**
 * That the rows which pass all have one value of the key.
 * @param predicate undefined: there is no filter, or one of keys alone
 * @throws invalid_parameter with Milvus's texts
 */
export function checkIsolatedKey(predicate: Predicate | undefined, keyId: bigint): void {
  if (predicate !== undefined && namesOne(predicate, keyId)) return;
  refuse(
    'partition key not found in expr or the expr is invalid when validating partition key isolation; filter by one value of the partition key',
  );
}

function namesOne(predicate: Predicate, keyId: bigint): boolean {
  switch (predicate.kind) {
    case 'and':
      // Each of them is looked at: a second one may be of no allowed form.
      return predicate.operands.filter((operand) => namesOne(operand, keyId)).length > 0;
    case 'or':
      if (predicate.operands.some((operand) => reads(operand, keyId))) unsupported('OR');
      return false;
    case 'not':
      if (reads(predicate.operand, keyId)) unsupported('NOT');
      return false;
    case 'constant':
      return false;
    default:
      return reads(predicate, keyId) && isOneValue(predicate);
  }
}

function isOneValue(leaf: Leaf): boolean {
  if (leaf.kind === 'compare' && leaf.op === '==' && leaf.operand.kind === 'field') return true;
  if (leaf.kind === 'in' && leaf.operand.kind === 'field') return isSingle(leaf.values) || unsupported('IN');
  return unsupported(leaf.kind === 'compare' ? leaf.op : leaf.kind);
}

const isSingle = ({ ints, texts }: ValueSet): boolean => ints.length + texts.length === 1;

function reads(predicate: Predicate, keyId: bigint): boolean {
  switch (predicate.kind) {
    case 'and':
    case 'or':
      return predicate.operands.some((operand) => reads(operand, keyId));
    case 'not':
      return reads(predicate.operand, keyId);
    case 'compare-operands':
      return operandReads(predicate.left, keyId) || operandReads(predicate.right, keyId);
    case 'constant':
    case 'match':
      return false;
    default:
      return 'field' in predicate
        ? predicate.field.fieldId === keyId
        : operandReads(predicate.operand, keyId);
  }
}

function operandReads(operand: Operand, keyId: bigint): boolean {
  switch (operand.kind) {
    case 'arithmetic':
      return operandReads(operand.left, keyId) || operandReads(operand.right, keyId);
    case 'field':
      return operand.field.fieldId === keyId;
    default:
      return false;
  }
}

const unsupported = (what: string): never =>
  refuse(`partition key isolation does not support ${what}; filter by one value of the partition key`);

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
}
