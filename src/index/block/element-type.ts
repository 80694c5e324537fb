// What a dense vector's elements are: how kernels number the kinds, how many bytes a row takes, which field type has which.
import { DataType } from '#model/schema/data-type.js';

export const elementTypes = ['float32', 'float16', 'bfloat16', 'int8', 'binary'] as const;
export type ElementType = (typeof elementTypes)[number];
/** How kernels number them (kernels/lib/elements.ts). */
export const elementCodes = {
  float32: 0,
  float16: 1,
  bfloat16: 2,
  int8: 3,
  binary: 4,
} as const satisfies Record<ElementType, number>;

/** Bytes of one vector; `dim` counts bits when it is binary. */
export function vectorBytes(type: ElementType, dim: number): number {
  switch (type) {
    case 'float32':
      return dim * 4;
    case 'float16':
    case 'bfloat16':
      return dim * 2;
    case 'int8':
      return dim;
    case 'binary':
      return Math.ceil(dim / 8);
  }
}

const byDataType: ReadonlyMap<number, ElementType> = new Map([
  [DataType.FloatVector, 'float32'],
  [DataType.Float16Vector, 'float16'],
  [DataType.BFloat16Vector, 'bfloat16'],
  [DataType.Int8Vector, 'int8'],
  [DataType.BinaryVector, 'binary'],
]);

/** Undefined: the field type is no dense vector. */
export const elementTypeOf = (dataType: number): ElementType | undefined => byDataType.get(dataType);
