// Texts and patterns that random cases seldom bring together, and what they cost.
import { describe, expect, it } from 'vitest';
import type { FieldRef, Leaf, LikePattern } from '#expr/typed.js';
import type { Row } from '../../../test/oracle/predicate-oracle.js';
import { compare, field, found, INTS, rowsOf } from '../../../test/support/awkward-values.js';
import { int64, json, text } from '../../../test/support/row-cases.js';
import { columnOf } from '../../../test/support/row-columns.js';
import { viewOf } from './column-view.js';
import { FilterEvaluator } from './filter-evaluator.js';

describe('awkward texts', () => {
  it('finds a text within one row only', () => {
    const infix = (one: string): Leaf => ({
      kind: 'like',
      operand: field(text, 'text'),
      pattern: { kind: 'infix', text: one },
    });
    const rows = rowsOf(text, ['xa', 'bx', '', 'ab', 'aab', 'a', '', 'b', 'éab', 'abab', 'a']);
    expect(found(infix('ab'), [text], rows)).toEqual([3, 4, 8, 9]);
    expect(found(infix('b'), [text], rows)).toEqual([1, 3, 4, 7, 8, 9]);
    expect(found(infix('aab'), [text], rows)).toEqual([4]);
  });

  it('counts code points, not bytes, where a pattern says so', () => {
    const like = (...parts: readonly ('_' | '%' | string)[]): Leaf => ({
      kind: 'like',
      operand: field(text, 'text'),
      pattern: {
        kind: 'general',
        parts: parts.map((part) =>
          part === '_' ? { kind: 'one' } : part === '%' ? { kind: 'any' } : { kind: 'text', text: part },
        ),
      },
    });
    const rows = rowsOf(text, ['é', 'aé', 'aéb', 'a😀', 'a😀é', '', 'éb', 'ab😀b']);
    expect(found(like('_'), [text], rows)).toEqual([0]);
    expect(found(like('a', '%', '_', '_'), [text], rows)).toEqual([2, 4, 7]);
    expect(found(like('%', '_', '_', 'b'), [text], rows)).toEqual([2, 7]);
    expect(found(like('%', '_', 'b', '%'), [text], rows)).toEqual([2, 6, 7]);
    expect(found(like('_', '_'), [text], rows)).toEqual([1, 3, 6]);
    expect(found(like('%', 'é', '%', '_'), [text], rows)).toEqual([2, 6]);
    expect(found(like('%', '', '%', '_'), [text], rows)).toEqual(found(like('%', '_'), [text], rows));
    expect(found(like('a', '%', 'ab'), [text], rows)).toEqual([]);
  });

  it('finds texts of one letter over and over in linear time, and finds them at all', () => {
    const asked: [LikePattern, string, boolean][] = [
      // A long beginning matches at every place, and the last byte, too.
      [{ kind: 'infix', text: `${'a'.repeat(20_000)}ba` }, 'a'.repeat(60_000), false],
      [{ kind: 'infix', text: `b${'a'.repeat(20_000)}` }, 'a'.repeat(60_000), false],
      [{ kind: 'infix', text: `${'a'.repeat(20_000)}b` }, `${'a'.repeat(60_000)}b`, true],
      [{ kind: 'infix', text: `${'ab'.repeat(9000)}a` }, `${'ab'.repeat(8000)}b${'ab'.repeat(20_000)}`, true],
      [{ kind: 'infix', text: `a${'ba'.repeat(9000)}a` }, `${'ab'.repeat(30_000)}`, false],
      [
        {
          kind: 'general',
          parts: [
            { kind: 'any' },
            { kind: 'text', text: `b${'a'.repeat(20_000)}` },
            { kind: 'any' },
            { kind: 'one' },
          ],
        },
        'a'.repeat(60_000),
        false,
      ],
    ];
    for (const [pattern, value, isFound] of asked) {
      const rows = rowsOf(
        text,
        Array.from({ length: 40 }, () => value),
      );
      const leaf: Leaf = { kind: 'like', operand: field(text, 'text'), pattern };
      const begin = performance.now();
      expect(found(leaf, [text], rows).length).toBe(isFound ? 40 : 0);
      // 40 texts of 60,000 bytes: milliseconds, and minutes where each place compares 20,000 bytes.
      expect(performance.now() - begin).toBeLessThan(5000);
    }
  });

  it('looks past texts that are shorter than what is looked for', () => {
    const needle = 'a'.repeat(3000);
    const values = Array.from({ length: 60_000 }, (_, row) => (row % 30_000 === 7 ? needle : 'a'));
    const leaf: Leaf = {
      kind: 'like',
      operand: field(text, 'text'),
      pattern: { kind: 'infix', text: needle },
    };
    const begin = performance.now();
    expect(found(leaf, [text], rowsOf(text, values))).toEqual([7, 30_007]);
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  it('asks for fewer rows at once, the more a row costs', () => {
    const rowsAtOnce = (leaf: Leaf, fields: readonly FieldRef[], rows: readonly Row[]): number => {
      const views = new Map(fields.map((one) => [one.fieldId, viewOf(columnOf(one, rows))]));
      return new FilterEvaluator(leaf, { view: (fieldId) => views.get(fieldId) }).rowsAtOnce;
    };
    const exists = (rows: readonly Row[]): number =>
      rowsAtOnce(
        { kind: 'exists', operand: { kind: 'json', type: 'json', field: json, path: ['a'] } },
        [json],
        rows,
      );
    const regex = (rows: readonly Row[]): number =>
      // A boundary of words is beyond what is followed in bits.
      rowsAtOnce({ kind: 'regex', operand: field(text, 'text'), source: 'a\\b' }, [text], rows);
    const number = compare(field(int64, 'int'), '<', { type: 'int', value: 1n });
    expect(rowsAtOnce(number, [int64], rowsOf(int64, INTS))).toBe(16_384);
    expect(exists(rowsOf(json, [{ json: { a: 1n } }]))).toBeGreaterThan(8192);
    expect(exists(rowsOf(json, [{ json: { a: 'x'.repeat(60_000) } }]))).toBe(32);
    expect(regex(rowsOf(text, ['abc']))).toBeGreaterThan(1024);
    expect(regex(rowsOf(text, ['x'.repeat(5000)]))).toBe(32);
  });
});
