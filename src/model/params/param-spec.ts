// One parameter of an index as data: its key on the wire, its type, its range, its default. The tables of build and of search
// parameters are made of these, and their TypeScript types are read off them.
export const INT_MAX = 2_147_483_647;

export interface IntegerSpec {
  readonly kind: 'integer';
  readonly key: string;
  readonly aliases?: readonly string[];
  readonly min: number;
  readonly max: number;
  /** Absent: what is usual is not one number. */
  readonly default?: number;
}

export interface NumberSpec {
  readonly kind: 'number';
  readonly key: string;
  readonly aliases?: readonly string[];
  readonly min: number;
  readonly max: number;
  /** The upper end itself is out of range. */
  readonly isMaxExcluded?: true;
  /** Absent: unset is a value of its own. */
  readonly default?: number;
}

export interface BooleanSpec {
  readonly kind: 'boolean';
  readonly key: string;
  readonly aliases?: readonly string[];
  readonly default: boolean;
}

/** One of some words; letter case does not matter. */
export interface WordSpec {
  readonly kind: 'word';
  readonly key: string;
  readonly aliases?: readonly string[];
  readonly values: readonly string[];
  /** Other spellings, in upper case. */
  readonly synonyms?: Readonly<Record<string, string>>;
  readonly default: string;
  /** What Milvus says to any other word; `%s` is the word. */
  readonly refusal?: string;
}

/** One of some integers. */
export interface ChoiceSpec {
  readonly kind: 'choice';
  readonly key: string;
  readonly aliases?: readonly string[];
  readonly values: readonly number[];
  readonly default: number;
}

/** An integer that divides the dimension of the field; the default is the largest divisor up to `default`. */
export interface DivisorSpec {
  readonly kind: 'divisor';
  readonly key: string;
  readonly aliases?: readonly string[];
  readonly min: number;
  readonly max: number;
  readonly default: number;
}

export type ParamSpec = IntegerSpec | NumberSpec | BooleanSpec | WordSpec | ChoiceSpec | DivisorSpec;
export type ParamValue = number | boolean | string;

export type ValueOf<Spec extends ParamSpec> = Spec extends { kind: 'boolean' }
  ? boolean
  : Spec extends { kind: 'word' | 'choice'; values: readonly (infer Value)[] }
    ? Value
    : number;
export type ValuesOf<Specs extends Readonly<Record<string, ParamSpec>>> = {
  readonly [Name in keyof Specs]: ValueOf<Specs[Name]>;
};

/** The key under which `lookup` finds something, and what it finds: the parameter's own key first. */
export function sentValue<Value>(
  spec: ParamSpec,
  lookup: (key: string) => Value | undefined,
): Value | undefined {
  for (const key of [spec.key, ...(spec.aliases ?? [])]) {
    const value = lookup(key);
    if (value !== undefined) return value;
  }
  return undefined;
}
