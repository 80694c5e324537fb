// Decides whether two operands read the same.
import type { Operand } from '#expr/typed.js';

/** Equal operands have equal keys. */
export const operandKey = (operand: Operand): string =>
  JSON.stringify(operand, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
