// The tables of docs/compat.md say what the checks do: types of fields and of elements, keys, properties, limits, and on which vectors each
// index type can be built. What the document names is tried; what it leaves out has to be refused.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { builtIndexTypes } from '#model/params/built-index-types.js';
import { type IndexType, indexTypeNames, indexTypeSpec, isIndexType } from '#model/params/index-types.js';
import { searchParamTable } from '#model/params/search-param-table.js';
import { DataType } from '#model/schema/data-type.js';
import { metricNames } from '#model/schema/metric-type.js';
import { checkCollectionProperties, checkDatabaseProperties } from '#model/schema/properties.js';
import { PARTITIONS_MAX, parseCollectionSchema, shardCountOf } from '#model/schema/schema-check.js';
import { type VectorType, vectorTypes } from '#model/schema/vector-type.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { codesIn, rowsOf, section } from './documents.js';

const compat = readFileSync(join(import.meta.dirname, '../../docs/compat.md'), 'utf8');
const inside = rowsOf(section(compat, '## What is inside the calls'));
const row = (name: string): { readonly works: string; readonly refused: string } => {
  const [, works = '', refused = ''] = inside.find(([first]) => first === name) ?? [];
  expect(works, `row ${name}`).not.toBe('');
  return { works, refused };
};

type Field = Parameters<typeof CollectionSchema.fromPartial>[0]['fields'] extends (infer F)[] | undefined
  ? F
  : never;
const VECTOR = { name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '8' }] };
const KEY = { name: 'id', dataType: DataType.Int64, isPrimaryKey: true };

/** Key of the refusal, or undefined: such a collection can be created. */
function refusalOf(...fields: Field[]): string | undefined {
  try {
    parseCollectionSchema(CollectionSchema.fromPartial({ name: 'c', fields }), { collectionName: 'c' });
    return undefined;
  } catch (error) {
    if (error instanceof ElanusError) return error.key;
    throw error;
  }
}

const typeNames = Object.keys(DataType).filter((name) => Number.isNaN(Number(name)));
const isVector = (name: string): boolean => Object.hasOwn(vectorTypes, name);
const fieldOf = (name: string, more: Partial<Field> = {}): Field => ({
  ...{ name: 'f', dataType: DataType[name as keyof typeof DataType] },
  typeParams: [
    ...(isVector(name) && name !== 'SparseFloatVector' ? [{ key: 'dim', value: '8' }] : []),
    ...(name === 'VarChar' || more.elementType === DataType.VarChar
      ? [{ key: 'max_length', value: '8' }]
      : []),
    ...(name === 'Array' ? [{ key: 'max_capacity', value: '8' }] : []),
  ],
  ...more,
});
/** Types that a text names, with what lies between `a to b`, in the order of the wire. */
function typesIn(text: string): string[] {
  const full = text.replaceAll(/\b(\w+) to (\w+)\b/g, (whole, first: string, last: string) => {
    const [from, to] = [typeNames.indexOf(first), typeNames.indexOf(last)];
    return from < 0 || to < 0 ? whole : typeNames.slice(from, to + 1).join(', ');
  });
  return typeNames.filter((name) => new RegExp(`\\b${name}\\b`).test(full));
}
const elementsOf = (text: string): string => /Array \(of ([^)]*)\)/.exec(text)?.[1] ?? '';

describe('docs/compat.md: types', () => {
  const scalars = row('scalar fields').works;
  const vectors = row('vector fields').works;

  it('of scalar fields are those that a collection may have', () => {
    const accepted = typeNames.filter(
      (name) =>
        !isVector(name) &&
        refusalOf(KEY, VECTOR, fieldOf(name, name === 'Array' ? { elementType: DataType.Bool } : {})) ===
          undefined,
    );
    expect(typesIn(scalars.replace(elementsOf(scalars), ''))).toEqual(accepted);
  });

  it('of elements are those that an array may hold', () => {
    const accepted = typeNames.filter(
      (name) =>
        refusalOf(KEY, VECTOR, fieldOf('Array', { elementType: DataType[name as keyof typeof DataType] })) ===
        undefined,
    );
    expect(typesIn(elementsOf(scalars))).toEqual(accepted);
  });

  it('of vector fields are those that a collection may have', () => {
    const accepted = typeNames.filter(
      (name) => isVector(name) && refusalOf(KEY, fieldOf(name)) === undefined,
    );
    expect(typesIn(vectors)).toEqual(accepted);
  });

  it('of keys are those that a primary key may have', () => {
    const accepted = typeNames.filter(
      (name) => refusalOf(VECTOR, fieldOf(name, { isPrimaryKey: true })) === undefined,
    );
    expect(typesIn(row('keys').works)).toEqual(accepted);
  });

  it('have the dims that are written there', () => {
    const dimOf = (name: string, dim: number): string | undefined =>
      refusalOf(KEY, fieldOf(name, { typeParams: [{ key: 'dim', value: String(dim) }] }));
    const ranges = [...vectors.matchAll(/\b(\w+) \(dim ([\d,]+) to ([\d,]+)/g)];
    expect(ranges).toHaveLength(2);
    for (const [, name = '', ...ends] of ranges) {
      const [least = 0, most = 0] = ends.map((end) => Number(end.replaceAll(',', '')));
      const step = name === 'BinaryVector' ? 8 : 1;
      const tried = [least - step, least, most, most + step].map((dim) => dimOf(name, dim) === undefined);
      expect({ name, tried }).toEqual({ name, tried: [false, true, true, false] });
    }
  });
});

describe('docs/compat.md: limits', () => {
  const numberIn = (text: string, pattern: RegExp): number =>
    Number(pattern.exec(text)?.[1]?.replaceAll(',', ''));

  it('of fields and vectors', () => {
    const scalarsOf = (count: number): Field[] =>
      Array.from({ length: count }, (_, i) => ({ name: `f${i}`, dataType: DataType.Bool }));
    const fields = numberIn(row('schema').works, /up to ([\d,]+) fields/);
    expect(refusalOf(KEY, VECTOR, ...scalarsOf(fields - 2))).toBeUndefined();
    expect(refusalOf(KEY, VECTOR, ...scalarsOf(fields - 1))).toBe('invalid_parameter');
    const vectorsOf = (count: number): Field[] =>
      Array.from({ length: count }, (_, i) => ({ ...VECTOR, name: `v${i}` }));
    const vectors = numberIn(row('vector fields').works, /up to ([\d,]+) per collection/);
    expect(refusalOf(KEY, ...vectorsOf(vectors))).toBeUndefined();
    expect(refusalOf(KEY, ...vectorsOf(vectors + 1))).toBe('invalid_parameter');
  });

  it('of shards and partitions', () => {
    const shards = numberIn(row('schema').works, /([\d,]+) shards/);
    expect(shardCountOf(shards)).toBe(shards);
    expect(() => shardCountOf(shards + 1)).toThrow();
    expect(numberIn(row('schema').works, /([\d,]+) partitions/)).toBe(PARTITIONS_MAX);
  });
});

/** Values with which a key works, or has a meaning that this version does not give it. */
const working: Readonly<Record<string, string>> = { timezone: 'UTC', 'collection.ttl.seconds': '60' };
const isCount = (key: string): boolean => /Rate\.max|iskQuota|max\.collections/.test(key);
const refused: Readonly<Record<string, string>> = { 'collection.ttl.seconds': '60' };

describe.each([
  ['collection properties', checkCollectionProperties],
  ['database properties', checkDatabaseProperties],
] as const)('docs/compat.md: %s', (name, check) => {
  const keysIn = (cell: string): string[] => codesIn(cell).map((key) => key.replace('*', 'x'));

  it('work as they are written there', () => {
    for (const key of keysIn(row(name).works))
      expect(() => check([{ key, value: working[key] ?? (isCount(key) ? '1' : 'true') }]), key).not.toThrow();
  });

  it('are refused as they are written there', () => {
    const keys = keysIn(row(name).refused);
    expect(keys.length).toBeGreaterThan(2);
    for (const key of keys) {
      const tried = () => check([{ key, value: refused[key] ?? 'true' }]);
      expect(tried, key).toThrow(expect.objectContaining({ key: 'unsupported' }));
    }
  });
});

describe('docs/compat.md: indexes', () => {
  const groups: Readonly<Record<string, readonly VectorType[]>> = {
    float: ['FloatVector', 'Float16Vector', 'BFloat16Vector'],
    int8: ['Int8Vector'],
    binary: ['BinaryVector'],
    sparse: ['SparseFloatVector'],
    all: Object.keys(vectorTypes) as VectorType[],
  };
  const rows = rowsOf(section(compat, '## Indexes'))
    .slice(1)
    .map(([types = '', on = '', text = '']) => ({ types: types.split(', '), on, text }))
    .filter(({ types }) => !types.includes('GPU_*'));

  it('are on the vectors that are written there', () => {
    const written = rows.flatMap(({ types, on }) =>
      types.map((type, at) => {
        const parts = on.split(' / ');
        const part = parts.length === 1 ? on : (parts[at] ?? '');
        return [type, part.split(', ').flatMap<string>((group) => groups[group] ?? [group])] as const;
      }),
    );
    const built = indexTypeNames.filter((type) =>
      builtIndexTypes.has(indexTypeSpec(type).builtAs as IndexType),
    );
    expect(Object.fromEntries(written)).toEqual(
      Object.fromEntries(built.map((type) => [type, [...indexTypeSpec(type).vectorTypes]])),
    );
  });

  it('have the parameters that are written there', () => {
    for (const { types, text } of rows) {
      const specs = types.filter(isIndexType).map(indexTypeSpec);
      const keys = new Set<string>([
        ...specs.flatMap(({ build }) => Object.values(build).map(({ key }) => key)),
        ...specs.flatMap(({ search }) => search.map((name) => searchParamTable[name].key)),
      ]);
      // `key: value`, products of keys, and paths of files, which are none; `limit` is the search's own.
      const named = codesIn(text)
        .filter((code) => !code.includes('/'))
        .flatMap((code) => code.split(':')[0]?.match(/\w+/g) ?? []);
      expect({ types, unknown: named.filter((key) => key !== 'limit' && !keys.has(key)) }).toEqual({
        types,
        unknown: [],
      });
    }
  });

  it('have the metrics that are written there, and no others', () => {
    const { works, refused } = row('metrics');
    const namedIn = (cell: string) =>
      metricNames.filter((metric) => new RegExp(`\\b${metric}\\b`).test(cell));
    expect(namedIn(works)).toEqual([...metricNames]);
    expect(namedIn(refused)).toEqual([]);
  });
});
