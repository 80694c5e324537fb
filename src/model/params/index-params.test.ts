import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { isLargerBetter, metricNames } from '#model/schema/metric-type.js';
import { type VectorType, vectorTypes } from '#model/schema/vector-type.js';
import { FieldSchema } from '#proto/milvus/schema.js';
import { metricsOf, parseIndexParams, storedBuildParams } from './index-params.js';
import { gpuIndexTypes, indexTypeNames, indexTypeSpec, isIndexType } from './index-types.js';
import type { ParamSpec } from './param-spec.js';

// All types count as built here: what the table says is the subject, not how far the engine is.
vi.mock('./built-index-types.js', async () => {
  const { indexTypeNames: all } = await import('./index-types.js');
  const { vectorTypes: vectors } = await import('#model/schema/vector-type.js');
  return {
    builtIndexTypes: new Set(all),
    builtVectorTypes: new Set(Object.keys(vectors)),
  };
});

const fieldOf = (type: VectorType, dim = 128, isFunctionOutput = false) =>
  FieldSchema.fromPartial({
    name: 'v',
    dataType: vectorTypes[type].dataType,
    isFunctionOutput,
    typeParams: type === 'SparseFloatVector' ? [] : [{ key: 'dim', value: `${dim}` }],
  });
const firstField = (type: string) =>
  fieldOf(isIndexType(type) ? (indexTypeSpec(type).vectorTypes[0] ?? 'FloatVector') : 'FloatVector');
const pairs = (values: Record<string, string>) =>
  Object.entries(values).map(([key, value]) => ({ key, value }));
const parse = (values: Record<string, string>, field = firstField(values.index_type ?? '')) =>
  parseIndexParams(field, pairs(values));
const refusal = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    if (error instanceof ElanusError) return `${error.key}: ${error.message}`;
    throw error;
  }
  throw new Error('accepted');
};

describe('defaults of every type', () => {
  const graph = { M: 30, efConstruction: 360 };
  const refine = { refine: false, refineType: 'FP32' };
  const pq = { m: 32, nbits: 8 };
  const disk = { kind: 'DISKANN', maxDegree: 56, searchListSize: 100, pqCodeBudgetRatio: 0.125 };
  const sparse = {
    kind: 'SPARSE_INVERTED_INDEX',
    invertedIndexAlgo: 'DAAT_MAXSCORE',
    bm25K1: 1.2,
    bm25B: 0.75,
    dropRatioBuild: 0,
  };
  const expected: Record<string, object> = {
    FLAT: { kind: 'FLAT' },
    IVF_FLAT: { kind: 'IVF_FLAT', nlist: 128 },
    IVF_SQ8: { kind: 'IVF_SQ8', nlist: 128 },
    IVF_PQ: { kind: 'IVF_PQ', nlist: 128, ...pq },
    IVF_RABITQ: { kind: 'IVF_RABITQ', nlist: 128, ...refine },
    IVF_RABITQ_FASTSCAN: { kind: 'IVF_RABITQ', nlist: 128, ...refine },
    HNSW: { kind: 'HNSW', ...graph },
    HNSW_SQ: { kind: 'HNSW_SQ', ...graph, sqType: 'SQ8', ...refine },
    HNSW_PQ: { kind: 'HNSW_PQ', ...graph, ...pq, ...refine },
    HNSW_PRQ: { kind: 'HNSW_PRQ', ...graph, ...pq, nrq: 2, ...refine },
    SCANN: { kind: 'SCANN', nlist: 128, withRawData: true },
    DISKANN: disk,
    AISAQ: disk,
    QG: { kind: 'QG', M: 30, efConstruction: 360, bits: 2 },
    BIN_FLAT: { kind: 'BIN_FLAT' },
    BIN_IVF_FLAT: { kind: 'BIN_IVF_FLAT', nlist: 128 },
    MINHASH_LSH: {
      kind: 'MINHASH_LSH',
      mhElementBitWidth: 8,
      mhLshBand: 1,
      mhLshCodeInMem: true,
      withRawData: false,
      mhLshBloomFalsePositiveProb: 0.01,
    },
    SPARSE_INVERTED_INDEX: sparse,
    SPARSE_WAND: sparse,
    AUTOINDEX: { kind: 'AUTOINDEX' },
  };
  it('has an expectation for each', () =>
    expect(Object.keys(expected).sort()).toEqual([...indexTypeNames].sort()));
  it.each(indexTypeNames)('%s', (type) => {
    const index = parse({ index_type: type.toLowerCase(), params: '{"someday":1}' }, firstField(type));
    expect(index).toMatchObject({ indexType: type, params: { someday: '1' }, asSent: { index_type: type } });
    expect(index.build).toEqual(expected[type]);
    expect(storedBuildParams(firstField(type), index.indexType, index.asSent)).toEqual(index.build);
  });
});

describe('vector types and metrics', () => {
  const allVectorTypes = Object.keys(vectorTypes) as VectorType[];
  const cases = indexTypeNames.flatMap((type) => allVectorTypes.map((vectorType) => ({ type, vectorType })));
  it.each(cases)('$type on $vectorType', ({ type, vectorType }) => {
    const field = fieldOf(vectorType);
    if (!indexTypeSpec(type).vectorTypes.includes(vectorType)) {
      expect(refusal(() => parse({ index_type: type }, field))).toContain(
        `data type ${vectorType} can't build with this index ${type}`,
      );
      return;
    }
    const possible = metricsOf(vectorType, type);
    expect(possible).not.toEqual([]);
    expect(possible).toContain(parse({ index_type: type }, field).metricType);
    for (const metric of metricNames) {
      const create = () => parse({ index_type: type, metric_type: metric.toLowerCase() }, field);
      if (metric === 'BM25' || !possible.includes(metric))
        expect(refusal(create)).toMatch(/^invalid_parameter: .*metric type/);
      else expect(create()).toMatchObject({ metricType: metric, asSent: { metric_type: metric } });
    }
  });
  it.each([
    ['FLAT', 'FloatVector', 'COSINE'],
    ['AUTOINDEX', 'Int8Vector', 'COSINE'],
    ['AUTOINDEX', 'BinaryVector', 'HAMMING'],
    ['MINHASH_LSH', 'BinaryVector', 'MHJACCARD'],
    ['SPARSE_WAND', 'SparseFloatVector', 'IP'],
  ] as const)('%s on %s is by %s when none is given', (type, vectorType, metric) => {
    expect(parse({ index_type: type, metric_type: '' }, fieldOf(vectorType)).metricType).toBe(metric);
  });
  it('words refusals as Milvus does', () => {
    const metric = (type: string, vectorType: VectorType, name: string) =>
      refusal(() => parse({ index_type: type, metric_type: name }, fieldOf(vectorType)));
    expect(metric('HNSW', 'FloatVector', 'HAMMING')).toContain(
      'float vector index does not support metric type: HAMMING',
    );
    expect(metric('BIN_IVF_FLAT', 'BinaryVector', 'SUPERSTRUCTURE')).toContain(
      'binary vector index does not support metric type: SUPERSTRUCTURE',
    );
    expect(metric('SPARSE_WAND', 'SparseFloatVector', 'L2')).toContain(
      'only IP&BM25 is the supported metric type for sparse index',
    );
    expect(metric('FLAT', 'FloatVector', 'toString')).toContain('does not support metric type: toString');
  });
  it('keeps BM25 for the output of its function', () => {
    const output = fieldOf('SparseFloatVector', 0, true);
    expect(parse({ index_type: 'SPARSE_INVERTED_INDEX' }, output).metricType).toBe('BM25');
    expect(refusal(() => parse({ index_type: 'AUTOINDEX', metric_type: 'IP' }, output))).toContain(
      'only supports BM25',
    );
    expect(
      refusal(() => parse({ metric_type: 'BM25', index_type: 'AUTOINDEX' }, fieldOf('SparseFloatVector'))),
    ).toContain('BM25');
  });
  it('knows which way is better', () => {
    expect(metricNames.filter(isLargerBetter)).toEqual(['IP', 'COSINE', 'MHJACCARD', 'BM25']);
  });
  it('refuses types for graphics cards, and scalar types on vectors', () => {
    for (const [gpu, instead] of gpuIndexTypes) {
      expect(refusal(() => parse({ index_type: gpu }))).toMatch(
        new RegExp(`^unsupported: .*${gpu}.*use ${instead}$`),
      );
    }
    expect(refusal(() => parse({ index_type: 'Trie' }))).toContain(
      "data type FloatVector can't build with this index TRIE",
    );
    expect(refusal(() => parse({ index_type: '__proto__' }))).toContain('invalid index type: __proto__');
  });
});

interface Row {
  readonly type: string;
  readonly name: string;
  readonly spec: ParamSpec;
}

const rows: Row[] = indexTypeNames.flatMap((type) =>
  Object.entries(indexTypeSpec(type).build).map(([name, spec]) => ({ type, name, spec })),
);
/** Dimension and companions that leave only the one parameter to judge. */
const build = (row: Row, value: unknown, isFlat = false) => {
  const base = { ...(row.spec.key === 'mh_lsh_band' ? { mh_element_bit_width: '8' } : {}) };
  const field = row.type === 'MINHASH_LSH' ? fieldOf('BinaryVector', 8 * 65_536) : firstField(row.type);
  const sized = row.spec.kind === 'divisor' ? fieldOf('FloatVector', 65_536) : field;
  const sent = isFlat
    ? { [row.spec.key]: String(value) }
    : { params: JSON.stringify({ [row.spec.key]: value }) };
  return Object.entries(parse({ index_type: row.type, ...base, ...sent }, sized).build).find(
    ([name]) => name === row.name,
  )?.[1];
};

describe('build parameters', () => {
  it('refuses product codes whose tables would not fit', () => {
    const field = fieldOf('FloatVector', 1024);
    const params = { m: '256', nrq: '2', nbits: '16' };
    expect(refusal(() => parse({ index_type: 'HNSW_PRQ', ...params, nrq: '3' }, field))).toBe(
      'invalid_parameter: 768 tables of 65536 numbers take 201326592 bytes a query, expected at most 134217728; use smaller nbits (8 suits most data), m or nrq: invalid parameter',
    );
    expect(refusal(() => parse({ index_type: 'HNSW_PQ', ...params, m: '1024' }, field))).toContain(
      '1024 tables',
    );
    expect(parse({ index_type: 'HNSW_PRQ', ...params }, field).build).toMatchObject({
      m: 256,
      nrq: 2,
      nbits: 16,
    });
  });
  const ranged = rows.flatMap((row) =>
    row.spec.kind === 'integer' || row.spec.kind === 'divisor' ? [{ ...row, spec: row.spec }] : [],
  );
  it.each(ranged)('$type $name: both ends, and beyond them', (row) => {
    const { key, min, max } = row.spec;
    for (const value of [min, max]) {
      expect(build(row, value)).toBe(value);
      expect(build(row, `${value}`)).toBe(value);
      expect(build(row, value, true)).toBe(value);
    }
    for (const value of [min - 1, max + 1, -1]) {
      const text = `invalid_parameter: Out of range in json: param '${key}' (${value}) should be in range [${min}, ${max}]: invalid parameter`;
      expect(refusal(() => build(row, value))).toBe(text);
      expect(refusal(() => build(row, value, true))).toBe(text);
    }
    expect(refusal(() => build(row, 16.5))).toContain(
      `wrong data type in json, key: '${key}', value: '16.5'`,
    );
    expect(refusal(() => build(row, '16.0'))).toContain(
      `wrong data type in json, key: '${key}', value: '16.0'`,
    );
    for (const value of [true, [16], { value: 16 }, 'x'])
      expect(refusal(() => build(row, value))).toContain(`invalid integer value, key: '${key}'`);
    expect(refusal(() => build(row, 'True', true))).toContain(
      `invalid integer value, key: '${key}', value: 'True': invalid parameter`,
    );
    for (const value of [null, '', 'None']) expect(build(row, value)).toEqual(expect.any(Number));
  });
  const numbers = rows.flatMap((row) => (row.spec.kind === 'number' ? [{ ...row, spec: row.spec }] : []));
  it.each(numbers)('$type $name: a number', (row) => {
    const { min, max, isMaxExcluded } = row.spec;
    expect(build(row, min)).toBe(min);
    expect(build(row, '5e-1')).toBe(0.5);
    if (isMaxExcluded)
      expect(refusal(() => build(row, max))).toContain(`should be in range [${min}, ${max})`);
    else expect(build(row, max)).toBe(max);
    for (const value of [min - 0.001, max + 0.001])
      expect(refusal(() => build(row, value))).toContain('Out of range in json');
    for (const value of ['NaN', 'Infinity', '0x1', true, [1]])
      expect(refusal(() => build(row, value))).toContain('invalid float value');
  });
  it.each(rows.filter(({ spec }) => spec.kind === 'boolean'))('$type $name: a boolean', (row) => {
    for (const value of [true, 'true', 'True', false, 'FALSE'])
      expect(build(row, value)).toBe(`${value}`.toLowerCase() === 'true');
    for (const value of [1, 0, 1.5, [true], 'test'])
      expect(refusal(() => build(row, value))).toContain('should be a boolean: invalid parameter');
  });
  const words = rows.flatMap((row) => (row.spec.kind === 'word' ? [{ ...row, spec: row.spec }] : []));
  it.each(words)('$type $name: a word', (row) => {
    for (const value of row.spec.values) {
      expect(build(row, value)).toBe(value);
      expect(build(row, value.toLowerCase(), true)).toBe(value);
    }
    for (const value of ['INT8', 8, true, ['SQ8'], '$&', '__proto__'])
      expect(refusal(() => build(row, value))).toMatch(/^invalid_parameter/);
  });
  it('words refusals of types as Milvus does', () => {
    const sq = (params: object) => () => parse({ index_type: 'HNSW_SQ', params: JSON.stringify(params) });
    expect(refusal(sq({ sq_type: 'FP32' }))).toContain('invalid scalar quantizer type: invalid parameter');
    expect(refusal(sq({ refine_type: 'INT8' }))).toContain(
      'invalid refine type : INT8, optional types are [sq6, sq8, fp16, bf16, fp32, flat]: invalid parameter',
    );
    expect(sq({ refine_type: 'flat' })().build).toMatchObject({ refineType: 'FP32' });
  });
  it.each(rows.flatMap((row) => (row.spec.kind === 'choice' ? [{ ...row, spec: row.spec }] : [])))(
    '$type $name: a choice',
    (row) => {
      for (const value of row.spec.values) expect(build(row, value)).toBe(value);
      for (const value of [0, 3, 7, 128, -1])
        expect(refusal(() => build(row, value))).toContain('should be one of');
    },
  );
  it('m divides the dimension, by default too', () => {
    const pq = (dim: number, params = {}) =>
      parse({ index_type: 'IVF_PQ', ...params }, fieldOf('FloatVector', dim)).build;
    for (const [dim, m] of [
      [128, 32],
      [100, 25],
      [7, 7],
      [37, 1],
      [768, 32],
      [2, 2],
    ] as const)
      expect(pq(dim)).toMatchObject({ m });
    for (const m of ['7', '256']) {
      expect(refusal(() => pq(128, { m }))).toContain(
        'The dimension of a vector (dim) should be a multiple of the number of subquantizers (m).',
      );
    }
  });
  it('MinHash: hashes are whole, and bands divide them', () => {
    const minHash = (dim: number, params: Record<string, string>) => () =>
      parse({ index_type: 'MINHASH_LSH', ...params }, fieldOf('BinaryVector', dim));
    expect(minHash(4096, { mh_element_bit_width: '32', mh_lsh_band: '32' })().build).toMatchObject({
      mhElementBitWidth: 32,
      mhLshBand: 32,
    });
    expect(refusal(minHash(40, { mh_element_bit_width: '32' }))).toContain(
      'no multiple of mh_element_bit_width',
    );
    expect(refusal(minHash(4096, { mh_element_bit_width: '32', mh_lsh_band: '33' }))).toContain(
      'should divide the number of hashes (128)',
    );
    expect(refusal(minHash(4096, { mh_element_bit_width: '32', mh_lsh_band: '256' }))).toContain(
      'should divide the number of hashes (128)',
    );
  });
  it('flat keys and those of the JSON text are joined, and one key comes once', () => {
    expect(parse({ index_type: 'HNSW', M: '8', params: '{"M":8,"efConstruction":"64"}' }).build).toEqual({
      kind: 'HNSW',
      M: 8,
      efConstruction: 64,
    });
    const twice = [...pairs({ index_type: 'HNSW', M: '8' }), { key: 'M', value: '8' }];
    expect(refusal(() => parseIndexParams(fieldOf('FloatVector'), twice))).toContain(
      'duplicated index param M',
    );
  });
  it('answers any garbage with a typed error or a full set of parameters', () => {
    const keys = [
      ...new Set(rows.map(({ spec }) => spec.key)),
      'metric_type',
      '__proto__',
      'constructor',
      'other',
    ];
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.integer().map(String),
      fc.double().map(String),
      fc.constantFrom('true', 'null', 'COSINE'),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...indexTypeNames),
        fc.dictionary(fc.constantFrom(...keys), text),
        fc.option(
          fc.oneof(
            fc.string(),
            fc.dictionary(fc.constantFrom(...keys), fc.jsonValue()).map((value) => JSON.stringify(value)),
          ),
        ),
        (type, flat, params) => {
          const sent = { ...flat, index_type: type, ...(params === null ? {} : { params }) };
          let index: ReturnType<typeof parse>;
          try {
            index = parse(sent);
          } catch (error) {
            expect(error).toBeInstanceOf(ElanusError);
            return;
          }
          const names = Object.keys(indexTypeSpec(type).build);
          expect(Object.keys(index.build).sort()).toEqual([...names, 'kind'].sort());
          for (const value of Object.values(index.build))
            expect(Number.isNaN(value) || value === undefined).toBe(false);
        },
      ),
      { numRuns: 500 },
    );
  });
});
