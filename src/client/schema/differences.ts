// What a declaration and the collection of the server say differently. Pure: both come in, a list comes out, with what would mend each
// difference where adding is enough.

import type { KeyValuePair } from '#proto/milvus/common.js';
import type { IndexDescription } from '#proto/milvus/milvus.js';
import type { CollectionSchema, FieldSchema, StructArrayFieldSchema } from '#proto/milvus/schema.js';
import type { AnyDeclaration } from './collection.js';
import { dataTypes, type FieldSpec, type TypeName } from './field-spec.js';
import { type DeclaredIndex, fieldMessage, indexesOf, NAMESPACE_MODE, structMessage } from './messages.js';

export type Mend =
  | { readonly kind: 'add field'; readonly name: string; readonly spec: FieldSpec }
  | { readonly kind: 'add struct'; readonly name: string; readonly spec: FieldSpec }
  | { readonly kind: 'grow field'; readonly name: string; readonly key: string; readonly value: string }
  | { readonly kind: 'create index'; readonly index: DeclaredIndex }
  | { readonly kind: 'set property'; readonly key: string; readonly value: string };

export interface Difference {
  /** `missing` on the server, `extra` there, or `changed`. */
  readonly kind: 'missing' | 'extra' | 'changed';
  /** `field "title"`, `index of "v"`, `property "timezone"`. */
  readonly what: string;
  readonly declared: string;
  readonly found: string;
  /** What adds it; undefined: adding is not enough. */
  readonly mend: Mend | undefined;
  /** The server has more than is declared, which does no harm: a newer version of the program may have added it. */
  readonly isNewer?: boolean;
  /** Its vector field is there, and no load is possible without it: a creation was cut short, and `ensure` finishes it. */
  readonly isUnfinished?: boolean;
}

export interface FoundCollection {
  readonly schema: CollectionSchema;
  readonly properties: readonly KeyValuePair[];
  readonly indexes: readonly IndexDescription[];
}

export function differencesOf(declaration: AnyDeclaration, found: FoundCollection): Difference[] {
  return [
    ...fieldDifferences(declaration, found.schema),
    ...dynamicDifference(declaration, found.schema),
    ...wordsDifferences(declaration, found.schema),
    ...namespaceDifference(declaration, found),
    ...propertyDifferences(declaration, found.properties),
    ...indexDifferences(declaration, found),
  ];
}

export const differenceText = ({ kind, what, declared, found }: Difference): string =>
  kind === 'missing'
    ? `${what} is missing on the server, declared ${declared}`
    : kind === 'extra'
      ? `${what} is on the server, ${found}, and not declared`
      : `${what} is ${found} on the server, declared ${declared}`;

const typeNames = new Map(
  Object.entries(dataTypes).map(([name, code]) => [code as number, name as TypeName]),
);
const typeName = (code: number): string => typeNames.get(code) ?? `type ${code}`;

/** What of a field has to be equal, as texts. */
type Aspects = Readonly<Record<string, string>>;
type Described = Pick<FieldSchema, 'dataType' | 'elementType' | 'nullable' | 'typeParams'> &
  Partial<FieldSchema>;
const SIZES = ['dim', 'max_length', 'max_capacity'] as const;

function aspectsOf(field: Described): Aspects {
  const sizes = SIZES.flatMap((key) => {
    const value = field.typeParams.find((pair) => pair.key === key)?.value;
    return value === undefined ? [] : [[key, String(Number(value))] as const];
  });
  const type = typeName(field.dataType);
  return {
    type: field.elementType === 0 ? type : `${type} of ${typeName(field.elementType)}`,
    ...Object.fromEntries(sizes),
    nullable: String(field.nullable),
    'primary key': String(field.isPrimaryKey ?? false),
    autoId: String(field.autoID ?? false),
    'partition key': String(field.isPartitionKey ?? false),
    'clustering key': String(field.isClusteringKey ?? false),
    default: field.defaultValue?.data === undefined ? 'none' : String(field.defaultValue.data.value),
  };
}

const shown = (aspects: Aspects): string =>
  Object.entries(aspects)
    .filter(([, value]) => value !== 'false' && value !== 'none')
    .map(([key, value]) => (value === 'true' ? key : key === 'type' ? value : `${key} ${value}`))
    .join(', ');

/** A message with every field that `aspectsOf` reads. */
const declaredField = (name: string, spec: FieldSpec): Described => fieldMessage(name, spec) as Described;

function fieldDifferences({ fields }: AnyDeclaration, schema: CollectionSchema): Difference[] {
  const there = new Map<string, FieldSchema | StructArrayFieldSchema>(
    [...schema.fields, ...schema.structArrayFields]
      .filter((field) => !('isDynamic' in field && field.isDynamic))
      .map((field) => [field.name, field]),
  );
  const declared = Object.entries(fields).flatMap(([name, { spec }]): Difference[] => {
    const found = there.get(name);
    if (found === undefined) return [missingField(name, spec)];
    return 'fields' in found
      ? structDifferences(name, spec, found)
      : changes(name, declaredField(name, spec), found);
  });
  const extra = [...there].flatMap(([name, field]): Difference[] =>
    Object.hasOwn(fields, name) ? [] : [extraField(name, field)],
  );
  return [...declared, ...extra];
}

/** What makes words of texts, and what is made of these. A declaration without an analyzer says nothing about it. */
function wordsDifferences({ fields }: AnyDeclaration, schema: CollectionSchema): Difference[] {
  return Object.entries(fields).flatMap(([name, { spec }]): Difference[] => {
    const there = schema.fields.find((field) => field.name === name);
    if (there === undefined) return [];
    const params = Object.fromEntries(there.typeParams.map(({ key, value }) => [key, value]));
    const made = schema.functions.find(({ outputFieldNames }) => outputFieldNames.includes(name));
    return [
      ...wordsDifference(`analyzer of field "${name}"`, analyzerText(spec.params), analyzerText(params)),
      ...wordsDifference(
        `function of field "${name}"`,
        spec.wordsOf && `BM25 of ${spec.wordsOf}`,
        made === undefined
          ? 'none'
          : `${FUNCTIONS[made.type] ?? made.name} of ${made.inputFieldNames.join(', ')}`,
      ),
    ];
  });
}

const FUNCTIONS: Readonly<Record<number, string>> = { 1: 'BM25', 2: 'embedding', 4: 'MinHash' };

const wordsDifference = (what: string, declared: string | undefined, found = 'none'): Difference[] =>
  declared === undefined || declared === found
    ? []
    : [{ kind: 'changed', what, declared, found, mend: undefined }];

/** @returns undefined: texts have no words */
function analyzerText(params: Readonly<Record<string, string>>): string | undefined {
  if (params.enable_analyzer?.toLowerCase() !== 'true') return undefined;
  if (params.multi_analyzer_params !== undefined) return 'one of several';
  const text = params.analyzer_params ?? '';
  const given: unknown = text === '' ? {} : JSON.parse(text);
  // Without anything it is this one.
  return inOrder(isEmpty(given) ? { type: 'standard' } : given);
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** JSON text with the members of objects in the order of their names. */
const inOrder = (value: unknown): string =>
  JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );

function missingField(name: string, spec: FieldSpec): Difference {
  const isStruct = spec.type === 'ArrayOfStruct';
  const mayAdd = spec.isNullable === true || (spec.defaultValue !== undefined && !isStruct);
  const mend: Mend | undefined = mayAdd
    ? { kind: isStruct ? 'add struct' : 'add field', name, spec }
    : undefined;
  const declared = isStruct ? 'struct array' : shown(aspectsOf(declaredField(name, spec)));
  return { kind: 'missing', what: `field "${name}"`, declared, found: 'missing', mend };
}

const extraField = (name: string, field: FieldSchema | StructArrayFieldSchema): Difference => ({
  kind: 'extra',
  what: `field "${name}"`,
  declared: 'missing',
  found: 'fields' in field ? 'struct array' : shown(aspectsOf(field)),
  mend: undefined,
  // Rows that leave it out can be written.
  isNewer: field.nullable || ('defaultValue' in field && field.defaultValue !== undefined),
});

/** Sizes that may grow while rows are there. */
const GROWING: ReadonlySet<string> = new Set(['max_length', 'max_capacity']);

function changes(name: string, declared: Described, found: Described): Difference[] {
  const [want, have] = [aspectsOf(declared), aspectsOf(found)];
  const keys = [...new Set([...Object.keys(want), ...Object.keys(have)])];
  return keys.flatMap((key): Difference[] => {
    const [one = 'none', other = 'none'] = [want[key], have[key]];
    if (one === other) return [];
    const mayGrow = GROWING.has(key) && Number(one) > Number(other);
    const mend: Mend | undefined = mayGrow ? { kind: 'grow field', name, key, value: one } : undefined;
    const isNewer = GROWING.has(key) && Number(one) < Number(other);
    const what = `${key} of field "${name}"`;
    return [{ kind: 'changed', what, declared: one, found: other, mend, isNewer }];
  });
}

/** Names of sub-fields come alone, or as `outer[inner]`. */
const ownName = (struct: string, name: string): string =>
  name.startsWith(`${struct}[`) ? name.slice(struct.length + 1, -1) : name;

function structDifferences(name: string, spec: FieldSpec, found: StructArrayFieldSchema): Difference[] {
  if (spec.type !== 'ArrayOfStruct')
    return [
      {
        kind: 'changed',
        what: `field "${name}"`,
        declared: spec.type,
        found: 'struct array',
        mend: undefined,
      },
    ];
  const there = new Map(found.fields.map((field) => [ownName(name, field.name), field]));
  const want = (structMessage(name, spec).fields ?? []) as readonly (Described & { readonly name: string })[];
  const of = (member: string): string => `${name}[${member}]`;
  // A sub-field is nullable where its struct array is.
  const withNull = (field: Described): Described => ({ ...field, nullable: spec.isNullable ?? false });
  const declared = want.flatMap((field): Difference[] => {
    const other = there.get(field.name);
    there.delete(field.name);
    if (other !== undefined)
      return changes(of(field.name), withNull(field), withNull(other)).map((one) => ({
        ...one,
        mend: undefined,
      }));
    const declaredAs = shown(aspectsOf(field));
    return [
      {
        kind: 'missing',
        what: `field "${of(field.name)}"`,
        declared: declaredAs,
        found: 'missing',
        mend: undefined,
      },
    ];
  });
  return [...declared, ...[...there].map(([member, field]) => extraField(of(member), field))];
}

function dynamicDifference({ settings }: AnyDeclaration, schema: CollectionSchema): Difference[] {
  const declared = settings.dynamic ?? false;
  if (declared === schema.enableDynamicField) return [];
  const [one, other] = [String(declared), String(schema.enableDynamicField)];
  return [{ kind: 'changed', what: 'dynamic', declared: one, found: other, mend: undefined }];
}

/** Whose rows are whose is fixed at the creation. */
function namespaceDifference(
  { settings }: AnyDeclaration,
  { schema, properties }: FoundCollection,
): Difference[] {
  const declared = settings.namespaces ?? 'none';
  const mode = properties.find(({ key }) => key === NAMESPACE_MODE)?.value ?? 'partition_key';
  const found = schema.enableNamespace ? mode : 'none';
  return declared === found
    ? []
    : [{ kind: 'changed', what: 'namespaces', declared, found, mend: undefined }];
}

function propertyDifferences(
  { settings }: AnyDeclaration,
  properties: readonly KeyValuePair[],
): Difference[] {
  return Object.entries(settings.properties ?? {}).flatMap(([key, value]): Difference[] => {
    const found = properties.find((pair) => pair.key === key)?.value;
    if (found === value) return [];
    const mend: Mend = { kind: 'set property', key, value };
    const kind = found === undefined ? 'missing' : 'changed';
    return [{ kind, what: `property "${key}"`, declared: value, found: found ?? 'missing', mend }];
  });
}

function indexDifferences(declaration: AnyDeclaration, { schema, indexes }: FoundCollection): Difference[] {
  const fields = new Set([...schema.fields, ...schema.structArrayFields].map(({ name }) => name));
  return indexesOf(declaration).flatMap((index): Difference[] => {
    const { field, spec, isVector } = index;
    const there = indexes.find((one) => one.fieldName === field);
    const declared = [spec.type ?? 'AUTOINDEX', spec.metric].filter((part) => part !== undefined).join(' ');
    const what = `index of "${field}"`;
    if (there === undefined) {
      const isUnfinished = isVector && fields.has(field.replace(/\[.*/, ''));
      const mend: Mend = { kind: 'create index', index };
      return [{ kind: 'missing', what, declared, found: 'missing', mend, isUnfinished }];
    }
    const param = (key: string): string | undefined => there.params.find((pair) => pair.key === key)?.value;
    const isOther = (declaredAs: string | undefined, key: string): boolean =>
      declaredAs !== undefined && declaredAs !== param(key);
    if (!isOther(spec.type, 'index_type') && !isOther(spec.metric, 'metric_type')) return [];
    const has = [param('index_type'), param('metric_type')].filter((part) => part !== undefined).join(' ');
    return [{ kind: 'changed', what, declared, found: has, mend: undefined }];
  });
}
