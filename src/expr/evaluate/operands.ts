// Operands over the columns of a source: what a leaf reads, as numbers, texts, arrays or places in JSON. Undefined stands for an operand that
// is unknown in every row, because these rows do not have the field.
import { assert, assertNever } from '#base/assert.js';
import { ArrayLengths, ElementNumbers, ElementTexts } from '#expr/evaluate/arrays/array-operands.js';
import { arrayRows, FixedArrays, TextArrays } from '#expr/evaluate/arrays/array-rows.js';
import { CurrentNumbers, CurrentTexts } from '#expr/evaluate/arrays/match-leaf.js';
import {
  JsonArithmetic,
  JsonLengths,
  type JsonNumbers,
  PathNumbers,
  PlainNumbers,
} from '#expr/evaluate/json/json-leaves.js';
import { JsonLocator } from '#expr/evaluate/json/json-locator.js';
import { ArithmeticNumbers } from '#expr/evaluate/numbers/arithmetic.js';
import { ConstantNumbers, FieldNumbers, type NumberVector } from '#expr/evaluate/numbers/number-vector.js';
import { ShiftedTimes } from '#expr/evaluate/numbers/shifted-numbers.js';
import { FieldTexts, type TextSpans } from '#expr/evaluate/text/text-spans.js';
import type { FieldOperand, FieldRef, JsonOperand, Leaf, Operand } from '#expr/typed.js';
import type { ColumnSource, FixedView, VariableView } from './column-view.js';

type Arrays = FixedArrays | TextArrays;

export class Operands {
  readonly #source: ColumnSource;
  readonly #locators = new Map<string, JsonLocator>();
  readonly #arrays = new Map<bigint, Arrays>();
  /** By field, inside a predicate over elements. */
  readonly #current = new Map<bigint, CurrentNumbers | CurrentTexts>();

  constructor(source: ColumnSource) {
    this.#source = source;
  }

  /** What was read of the current elements. */
  get current(): readonly (CurrentNumbers | CurrentTexts)[] {
    return [...this.#current.values()];
  }

  fixed(field: FieldRef): FixedView | undefined {
    const view = this.#source.view(field.fieldId);
    assert(view?.kind !== 'variable', `field ${field.name} has values of variable width, expected numbers`);
    return view;
  }

  variable(field: FieldRef): VariableView | undefined {
    const view = this.#source.view(field.fieldId);
    assert(
      view?.kind !== 'fixed',
      `field ${field.name} has values of one width, expected texts, JSON or arrays`,
    );
    return view;
  }

  valid(field: FieldRef): Uint8Array | undefined {
    return this.#source.view(field.fieldId)?.valid;
  }

  /** The rows for which a leaf is true, where that is known of all rows. */
  known(leaf: Leaf): Uint32Array | undefined {
    return this.#source.known?.(leaf);
  }

  arrays(field: FieldRef): Arrays | undefined {
    const known = this.#arrays.get(field.fieldId);
    if (known !== undefined) return known;
    const view = this.variable(field);
    if (view === undefined) return undefined;
    const arrays = arrayRows(view, field.elementType);
    this.#arrays.set(field.fieldId, arrays);
    return arrays;
  }

  json({ field, path }: JsonOperand): JsonLocator | undefined {
    const key = `${field.fieldId} ${JSON.stringify(path)}`;
    const known = this.#locators.get(key);
    if (known !== undefined) return known;
    const view = this.variable(field);
    if (view === undefined) return undefined;
    const locator = new JsonLocator(view, path, this.#source.path?.(field.fieldId, path));
    this.#locators.set(key, locator);
    return locator;
  }

  /** The column of numbers that an operand is without any computing. */
  column(operand: Operand): FixedView | undefined {
    if (operand.kind === 'field') return this.fixed(operand.field);
    if (operand.kind !== 'current') return undefined;
    const current = this.#currentOf(operand.field);
    return current instanceof CurrentNumbers ? current.view : undefined;
  }

  numbers(operand: Operand): NumberVector | undefined {
    switch (operand.kind) {
      case 'field':
      case 'current': {
        const view = this.column(operand);
        return view && new FieldNumbers(view);
      }
      case 'element': {
        const arrays = this.arrays(operand.field);
        return arrays instanceof FixedArrays ? new ElementNumbers(arrays, operand.index) : undefined;
      }
      case 'length':
        return this.#lengths(operand.of);
      case 'constant':
        return new ConstantNumbers(operand.value);
      case 'arithmetic': {
        const [left, right] = [this.numbers(operand.left), this.numbers(operand.right)];
        assert(operand.type !== 'json', 'arithmetic with JSON has no column of numbers');
        return left && right && new ArithmeticNumbers(operand.type, operand.op, left, right);
      }
      case 'shifted': {
        const view = this.fixed(operand.field);
        return view?.form === 'int64' ? new ShiftedTimes(view, operand.months, operand.micros) : undefined;
      }
      case 'json':
        throw new TypeError(`JSON of field ${operand.field.name} where numbers were expected`);
      default:
        return assertNever(operand);
    }
  }

  #lengths(of: FieldOperand | JsonOperand): NumberVector | undefined {
    if (of.kind === 'json') {
      const locator = this.json(of);
      return locator && new JsonLengths(locator);
    }
    const arrays = this.arrays(of.field);
    return arrays && new ArrayLengths(arrays);
  }

  jsonNumbers(operand: Operand): JsonNumbers | undefined {
    if (operand.kind === 'json') {
      const locator = this.json(operand);
      return locator && new PathNumbers(locator);
    }
    if (operand.kind === 'arithmetic' && operand.type === 'json') {
      const [left, right] = [this.jsonNumbers(operand.left), this.jsonNumbers(operand.right)];
      return left && right && new JsonArithmetic(operand.op, left, right);
    }
    const vector = this.numbers(operand);
    return vector && new PlainNumbers(vector, operand.type === 'int');
  }

  texts(operand: Operand): TextSpans | undefined {
    switch (operand.kind) {
      case 'field': {
        const view = this.variable(operand.field);
        return view && new FieldTexts(view);
      }
      case 'element': {
        const arrays = this.arrays(operand.field);
        return arrays instanceof TextArrays ? new ElementTexts(arrays, operand.index) : undefined;
      }
      case 'current': {
        const current = this.#currentOf(operand.field);
        return current instanceof CurrentTexts ? current : undefined;
      }
      default:
        throw new TypeError(`an operand of kind ${operand.kind} where text was expected`);
    }
  }

  #currentOf(field: FieldRef): CurrentNumbers | CurrentTexts | undefined {
    const known = this.#current.get(field.fieldId);
    if (known !== undefined) return known;
    const arrays = this.arrays(field);
    if (arrays === undefined) return undefined;
    const current = arrays instanceof FixedArrays ? new CurrentNumbers(arrays) : new CurrentTexts(arrays);
    this.#current.set(field.fieldId, current);
    return current;
  }
}
