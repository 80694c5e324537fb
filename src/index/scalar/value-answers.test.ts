import { describe, expect, it } from 'vitest';
import type { Leaf } from '#expr/typed.js';
import { OrderedIndex } from './ordered-index.js';
import { answerByValues } from './value-answers.js';

const ROWS = 1000;

/** Ten texts, each in a tenth of the rows. */
function indexOf(length: number): OrderedIndex {
  const text = (row: number): string => String(row % 10).repeat(length);
  const data = new TextEncoder().encode(Array.from({ length: ROWS }, (_, row) => text(row)).join(''));
  const offsets = Uint32Array.from({ length: ROWS + 1 }, (_, row) => row * length);
  return OrderedIndex.build({ kind: 'variable', data, offsets, valid: new Uint8Array(0) }, ROWS);
}

const regex = (source: string): Leaf => ({
  kind: 'regex',
  source,
  operand: {
    kind: 'field',
    type: 'text',
    field: { fieldId: 1n, name: 'text', dataType: 21, elementType: 0, nullable: false },
  },
});

describe('a regular expression over the texts of an index', () => {
  const large = '(?:[0-9]?){200}[0-9]{200}x|\\b7';

  it('is tried with each text where that takes some milliseconds at most', () => {
    const facts = { index: indexOf(20), isExact: true, only: undefined };
    expect(answerByValues(facts, regex('^7+$'))?.rowsMax).toBe(ROWS / 10);
    expect(answerByValues(facts, regex(large))?.rowsMax).toBe(ROWS / 10);
  });

  it('is left to the columns, which rest in between, where it may take longer', () => {
    const facts = { index: indexOf(5000), isExact: true, only: undefined };
    expect(answerByValues(facts, regex('^7+$'))?.rowsMax).toBe(ROWS / 10);
    expect(answerByValues(facts, regex(large))).toBeUndefined();
  });
});
