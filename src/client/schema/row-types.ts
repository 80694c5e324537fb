// Types of rows, columns and names that follow from the fields of a declaration.
import type { VectorTypeName } from './field-spec.js';
import type { Field } from './fields.js';
import type { Traits, traits } from './traits.js';

export type Fields = Readonly<Record<string, Field<Traits>>>;
export type TraitsOf<F> = F extends { readonly [traits]: infer T extends Traits } ? T : never;

/** Shows a type as one object. */
type Flat<T> = { [Key in keyof T]: T[Key] };
export type Name<F extends Fields> = keyof F & string;
type NamesWhere<F extends Fields, Where> = {
  [Key in keyof F]: TraitsOf<F[Key]> extends Where ? Key : never;
}[keyof F] &
  string;

export type KeyName<F extends Fields> = NamesWhere<F, { readonly isKey: true }>;
export type AutoName<F extends Fields> = NamesWhere<F, { readonly isAuto: true }>;
/** Made by the server of other fields. */
type MadeName<F extends Fields> = NamesWhere<F, { readonly isMade: true }>;
type OptionalName<F extends Fields> = NamesWhere<F, { readonly isOptional: true }>;
/** Vector fields that a search can name: of the collection, and `outer[inner]` of struct arrays. */
export type VectorName<F extends Fields> = NamesWhere<F, { readonly type: VectorTypeName }>;
export type PlainName<F extends Fields> = Exclude<Name<F>, VectorName<F>>;
/** Vectors of struct arrays, `outer[inner]`. */
type MemberVectorName<F extends Fields> = {
  [Key in Name<F>]: TraitsOf<F[Key]> extends {
    readonly type: 'ArrayOfStruct';
    readonly operand: infer Members extends Fields;
  }
    ? `${Key}[${VectorName<Members>}]`
    : never;
}[Name<F>];
/** What a search can be by. */
export type SearchableName<F extends Fields> = VectorName<F> | MemberVectorName<F>;
/** What reads may name among their output fields. */
export type OutputName<F extends Fields, Dynamic extends boolean> =
  | PlainName<F>
  | Exclude<VectorName<F>, MadeName<F>>
  | (Dynamic extends true ? string : never);

/** Type of the primary key. */
export type Key<F extends Fields> = TraitsOf<F[KeyName<F>]>['out'] & (bigint | string);

type Null<T extends Traits> = T['isNullable'] extends true ? null : never;
type ValueIn<F> = TraitsOf<F>['in'] | Null<TraitsOf<F>>;
type ValueOut<F> = TraitsOf<F>['out'] | Null<TraitsOf<F>>;

type Written<F extends Fields, Names extends Name<F>> = {
  readonly [Key in Exclude<Names, OptionalName<F>>]: ValueIn<F[Key]>;
} & { readonly [Key in Names & OptionalName<F>]?: ValueIn<F[Key]> | undefined };

/** Beside its fields a row of a dynamic collection has keys of its own. */
export type DynamicKeys<Dynamic extends boolean> = Dynamic extends true
  ? { readonly [key: string]: unknown }
  : unknown;

/** A row to insert. */
export type InsertRow<F extends Fields, Dynamic extends boolean = false> = Flat<
  Written<F, Exclude<Name<F>, AutoName<F> | MadeName<F>>> & {
    readonly [Key in AutoName<F> | MadeName<F>]?: never;
  }
> &
  DynamicKeys<Dynamic>;
/** A row to upsert: the key is there even where the server gives it. */
export type UpsertRow<F extends Fields, Dynamic extends boolean = false> = Flat<
  Written<F, Exclude<Name<F>, MadeName<F>>> & { readonly [Key in MadeName<F>]?: never }
> &
  DynamicKeys<Dynamic>;
/** A row to update: its key, and what changes. */
export type UpdateRow<F extends Fields, Dynamic extends boolean = false> = Flat<
  { readonly [Name in KeyName<F>]: ValueIn<F[Name]> } & {
    readonly [Key in Exclude<Name<F>, KeyName<F> | MadeName<F>>]?: ValueIn<F[Key]> | undefined;
  } & { readonly [Key in MadeName<F>]?: never }
> &
  DynamicKeys<Dynamic>;

type ColumnIn<F> = TraitsOf<F>['packed'] | readonly ValueIn<F>[];
/** A batch by columns: all values of a field in one typed array, or a list. */
export type InsertColumns<F extends Fields> = Flat<
  {
    readonly [Key in Exclude<Name<F>, AutoName<F> | MadeName<F> | OptionalName<F>>]: ColumnIn<F[Key]>;
  } & { readonly [Key in Exclude<OptionalName<F>, AutoName<F>>]?: ColumnIn<F[Key]> | undefined }
>;
export type UpsertColumns<F extends Fields> = Flat<
  { readonly [Key in Exclude<Name<F>, MadeName<F> | OptionalName<F>>]: ColumnIn<F[Key]> } & {
    readonly [Key in OptionalName<F>]?: ColumnIn<F[Key]> | undefined;
  }
>;

/** A row that was read. Of dynamic keys nothing is known but that they may be there. */
export type Row<F extends Fields, Names extends string, Dynamic extends boolean = false> = Flat<{
  [Key in Names & Name<F>]: ValueOut<F[Key]>;
}> &
  DynamicKeys<Dynamic>;

type MemberTraits<F extends Fields, Of extends string> = Of extends `${infer Outer}[${infer Inner}]`
  ? Outer extends keyof F
    ? TraitsOf<F[Outer]>['operand'] extends infer Members extends Fields
      ? TraitsOf<Members[Inner]>
      : never
    : never
  : never;
/** A value of a vector field as a search takes it; in a struct array one vector, or a list that is compared with the whole list of a row. */
export type QueryVector<F extends Fields, Of extends string> = Of extends keyof F
  ? TraitsOf<F[Of]>['in']
  : MemberTraits<F, Of>['in'] | readonly MemberTraits<F, Of>['in'][];
