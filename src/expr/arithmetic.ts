// Arithmetic of two values, as filters compute it: of constants, of JSON numbers, and of ints that doubles do not hold.

import type { ArithmeticOp } from './typed.js';

/** The result, not yet wrapped to 64 bits; undefined: a division by 0. */
export function computeInts(op: ArithmeticOp, left: bigint, right: bigint): bigint | undefined {
  switch (op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0n ? undefined : left / right;
    case '%':
      return right === 0n ? undefined : left % right;
    case '&':
      return left & right;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
  }
}

/** Undefined: the operator is one of ints. */
export function computeDoubles(op: ArithmeticOp, left: number, right: number): number | undefined {
  switch (op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '%':
      return left % right;
    default:
      return undefined;
  }
}
