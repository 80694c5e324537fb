import { expect, it } from 'vitest';
import type { JsonOperand, Predicate } from '#expr/typed.js';
import { json, text } from '../../../test/support/row-cases.js';
import { scanNanos } from './scan-cost.js';

const at = (key: string): JsonOperand => ({ kind: 'json', type: 'json', field: json, path: [key] });
const less = (operand: JsonOperand): Predicate => ({
  ...{ kind: 'compare', op: '<', operand },
  value: { type: 'int', value: 5n },
});

it('a JSON path costs as much as is not kept of it', () => {
  const both: Predicate = { kind: 'and', operands: [less(at('a')), less(at('b'))] };
  const keptA = scanNanos(both, ({ path }) => Number(path[0] === 'a'));
  expect(scanNanos(both)).toBe(200);
  expect(keptA).toBeGreaterThan(100);
  expect(keptA).toBeLessThan(110);
  expect(scanNanos(both, () => 1)).toBeLessThan(20);
  expect(scanNanos(less(at('a')), () => 0.5)).toBeLessThan(60);
  const length: Predicate = {
    ...{ kind: 'compare', op: '<', value: { type: 'int', value: 5n } },
    operand: { kind: 'length', type: 'int', of: at('a') },
  };
  expect(scanNanos(length, () => 1)).toBeLessThan(scanNanos(length));
});

it('other operands cost what they cost', () => {
  const like: Predicate = {
    ...{ kind: 'like', operand: { kind: 'field', type: 'text', field: text } },
    pattern: { kind: 'infix', text: 'a' },
  };
  expect(scanNanos(like, () => 1)).toBe(scanNanos(like));
});
