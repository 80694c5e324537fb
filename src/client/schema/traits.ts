// What TypeScript knows of a field. A field carries these types only for the compiler: from them come the types of rows that are written
// and read, of columns, and of what a filter may compare a field with.
import type { TypeName } from './field-spec.js';

export interface Traits {
  readonly type: TypeName;
  /** A value as rows that are written have it. */
  readonly in: unknown;
  /** A value as rows that are read have it. */
  readonly out: unknown;
  /** All values of a batch in one piece, beside a list of values. */
  readonly packed: unknown;
  /** What a filter compares the field with; of an array, its elements. */
  readonly operand: unknown;
  readonly isNullable: boolean;
  /** Rows may leave it out. */
  readonly isOptional: boolean;
  readonly isKey: boolean;
  /** The server gives the values. */
  readonly isAuto: boolean;
  /** The server makes the values of another field: they are neither written nor read. */
  readonly isMade: boolean;
}

/** Traits with some of them changed. */
export type With<T extends Traits, More extends Partial<Traits>> = {
  readonly [Key in keyof Traits]: Key extends keyof More ? Extract<More[Key], Traits[Key]> : T[Key];
};

/** Traits of a field that is neither key nor nullable. */
export interface Plain<Type extends TypeName, In, Out, Packed, Operand = In> {
  readonly type: Type;
  readonly in: In;
  readonly out: Out;
  readonly packed: Packed;
  readonly operand: Operand;
  readonly isNullable: false;
  readonly isOptional: false;
  readonly isKey: false;
  readonly isAuto: false;
  readonly isMade: false;
}

/** Indexes of what matters, values of what is compared: see `Field`. */
export declare const traits: unique symbol;
