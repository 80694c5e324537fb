// Constants of a filter before they know what they are compared with: written out, computed, or the value of a template variable.
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import { type TextSpans, textsIn } from '#model/text-spans.js';

export type Constant =
  | { readonly type: 'bool'; readonly value: boolean }
  /** The value is within 64 bits. */
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'double'; readonly value: number }
  | { readonly type: 'text'; readonly value: string }
  /** Microseconds since 1970 UTC. */
  | { readonly type: 'time'; readonly value: bigint }
  | { readonly type: 'interval'; readonly months: number; readonly micros: bigint }
  | ListConstant;
/** Long lists of one plain type stay packed. */
export type ListConstant = { readonly type: 'list' } & (
  | { readonly kind: 'ints'; readonly values: BigInt64Array }
  | { readonly kind: 'texts'; readonly values: readonly string[] | TextSpans }
  | { readonly kind: 'mixed'; readonly values: readonly Constant[] }
);

export const stringsOf = (texts: readonly string[] | TextSpans): Iterable<string> =>
  'begins' in texts ? textsIn(texts) : texts;

export function* elementsOf(list: ListConstant): Generator<Constant> {
  if (list.kind === 'ints') for (const value of list.values) yield { type: 'int', value };
  else if (list.kind === 'texts') for (const value of stringsOf(list.values)) yield { type: 'text', value };
  else yield* list.values;
}

const SHOWN_LENGTH = 200;

/** The constant as Milvus prints it. */
export function constantText(constant: Constant): string {
  switch (constant.type) {
    case 'int':
      return `int64_val:${constant.value}`;
    case 'double':
      return `float_val:${constant.value}`;
    case 'text':
      return `string_val:${JSON.stringify(constant.value.slice(0, SHOWN_LENGTH))}`;
    case 'bool':
      return `bool_val:${constant.value}`;
    case 'time':
      return `timestamptz_val:${constant.value}`;
    case 'interval':
      return 'interval_val';
    case 'list':
      return 'array_val';
  }
}

const typeNames = {
  bool: 'Bool',
  int: 'Int64',
  double: 'Double',
  text: 'VarChar',
  time: 'Timestamptz',
  interval: 'Interval',
  list: 'Array',
} as const satisfies Record<Constant['type'], string>;

/** The name of a type, in texts. */
export const constantTypeName = (constant: Constant): string => typeNames[constant.type];

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** @throws FilterSyntaxError when it is beyond 64 bits */
export function intConstant(value: bigint, at: number): Constant & { readonly type: 'int' } {
  if (value >= INT64_MIN && value <= INT64_MAX) return { type: 'int', value };
  const digits = value.toString();
  const shown = digits.length > 40 ? `${digits.slice(0, 40)}…` : digits;
  throw new FilterSyntaxError(`int64 overflow: ${shown}, expected a number within 64 bits`, at);
}
