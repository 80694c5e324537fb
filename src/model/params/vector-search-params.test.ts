import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { type BuildParams, type IndexType, indexTypeNames, indexTypeSpec } from './index-types.js';
import type { ParamSpec } from './param-spec.js';
import { RequestParams } from './request-params.js';
import { searchParamNames, searchParamTable, type VectorSearchParams } from './search-param-table.js';
import { checkSearchParams, parseVectorSearchParams } from './vector-search-params.js';

const noRange = { radius: undefined, rangeFilter: undefined };
const nested = (inner: Record<string, unknown>): VectorSearchParams =>
  parseVectorSearchParams(inner, new RequestParams([]), noRange);
const flat = (values: Record<string, string>): VectorSearchParams =>
  parseVectorSearchParams(
    {},
    new RequestParams(Object.entries(values).map(([key, value]) => ({ key, value }))),
    noRange,
  );
const refusal = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    if (error instanceof ElanusError) return `${error.key}: ${error.message}`;
    throw error;
  }
  throw new Error('accepted');
};

const specs = searchParamNames.map((name): { name: keyof VectorSearchParams; spec: ParamSpec } => ({
  name,
  spec: searchParamTable[name],
}));

describe('parseVectorSearchParams', () => {
  it('leaves out what is not sent, and reads the inner object first', () => {
    expect(nested({})).toEqual({});
    expect(flat({ ef: '', nprobe: 'null', other: 'x' })).toEqual({});
    expect(
      parseVectorSearchParams({ ef: 64 }, new RequestParams([{ key: 'ef', value: '7' }]), {
        radius: 1,
        rangeFilter: 0,
      }),
    ).toEqual({
      ef: 64,
      radius: 1,
      rangeFilter: 0,
    });
    expect(nested({ search_list_size: 20, rbq_bits_query: 4 })).toEqual({ searchList: 20, rbqQueryBits: 4 });
    expect(nested({ search_list_size: 20, search_list: 30 })).toEqual({ searchList: 30 });
  });
  it.each(specs.flatMap(({ name, spec }) => (spec.kind === 'integer' ? [{ name, spec }] : [])))(
    '$name: both ends',
    ({ name, spec }) => {
      const { key, min, max } = spec;
      for (const value of [min, max]) {
        for (const params of [
          nested({ [key]: value }),
          nested({ [key]: `${value}` }),
          flat({ [key]: `${value}` }),
          flat({ [key]: `"${value}"` }),
        ]) {
          expect(params).toEqual({ [name]: value });
        }
      }
      for (const value of [min - 1, max + 1]) {
        const text = `invalid_parameter: Out of range in json: param '${key}' (${value}) should be in range [${min}, ${max}]: invalid parameter`;
        expect(refusal(() => nested({ [key]: value }))).toBe(text);
        expect(refusal(() => flat({ [key]: `${value}` }))).toBe(text);
      }
      for (const value of [32.5, true, null, [32], 'x']) {
        const shown = typeof value === 'string' ? value : JSON.stringify(value);
        expect(refusal(() => nested({ [key]: value }))).toContain(
          `Type conflict in json: param '${key}' (${shown}) should be integer`,
        );
      }
    },
  );
  it.each(specs.flatMap(({ name, spec }) => (spec.kind === 'number' ? [{ name, spec }] : [])))(
    '$name: both ends',
    ({ name, spec }) => {
      const { key, min, max, isMaxExcluded } = spec;
      expect(nested({ [key]: min })).toEqual({ [name]: min });
      if (isMaxExcluded)
        expect(refusal(() => nested({ [key]: max }))).toContain(`should be in range [${min}, ${max})`);
      else expect(flat({ [key]: `${max}` })).toEqual({ [name]: max });
      for (const value of [min - 0.001, max + 0.001])
        expect(refusal(() => nested({ [key]: value }))).toContain('Out of range in json');
      for (const value of [true, null, [1], 'NaN', 'Infinity'])
        expect(refusal(() => nested({ [key]: value }))).toContain('should be a number');
      expect(refusal(() => nested({ [key]: '' }))).toContain('invalid float value');
    },
  );
  it.each(specs.filter(({ spec }) => spec.kind === 'boolean'))('$name: a boolean', ({ name, spec }) => {
    for (const value of [true, 'True', false, 'false'])
      expect(nested({ [spec.key]: value })).toEqual({ [name]: /true/i.test(`${value}`) });
    for (const value of [1, null, 'yes'])
      expect(refusal(() => nested({ [spec.key]: value }))).toContain('should be a boolean');
  });
  it('answers any garbage with a typed error or values in range', () => {
    const keys = [
      ...specs.flatMap(({ spec }) => [spec.key, ...(spec.aliases ?? [])]),
      '__proto__',
      'constructor',
      'other',
    ];
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...keys), fc.jsonValue()),
        fc.dictionary(fc.constantFrom(...keys), fc.string()),
        (inner, beside) => {
          const sent = new RequestParams(Object.entries(beside).map(([key, value]) => ({ key, value })));
          let params: VectorSearchParams;
          try {
            params = parseVectorSearchParams(inner, sent, noRange);
          } catch (error) {
            expect(error).toBeInstanceOf(ElanusError);
            return;
          }
          for (const { name, spec } of specs) {
            const value = params[name];
            if (value === undefined) continue;
            if (spec.kind === 'boolean') expect(typeof value).toBe('boolean');
            if (spec.kind === 'integer' || spec.kind === 'number')
              expect(Number(value) >= spec.min && Number(value) <= spec.max).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('checkSearchParams', () => {
  const kindOf = (type: IndexType): BuildParams => {
    const ivf = { nlist: 128 } as const;
    return type === 'SCANN' ? { kind: 'SCANN', ...ivf, withRawData: true } : { kind: 'IVF_FLAT', ...ivf };
  };
  const check = (type: IndexType, params: VectorSearchParams, k: number) =>
    checkSearchParams(type, params, k, kindOf(type));
  const everything = {
    nprobe: 500,
    ef: 5,
    reorderK: 5,
    searchList: 5,
    level: 3,
    dropRatioSearch: 0.5,
    refineK: 2,
    targetRecall: 0.9,
  };
  it.each([
    ['FLAT', {}],
    ['IVF_FLAT', { nprobe: 8 }],
    ['IVF_RABITQ', { nprobe: 8, rbqQueryBits: 0 }],
    ['IVF_RABITQ_FASTSCAN', { nprobe: 8 }],
    ['HNSW', { ef: 193 }],
    ['HNSW_SQ', { ef: 193 }],
    ['SCANN', { nprobe: 8 }],
    ['DISKANN', { searchList: 193 }],
    ['AISAQ', { searchList: 193 }],
    ['QG', { ef: 193 }],
    ['BIN_FLAT', {}],
    ['MINHASH_LSH', { mhSearchWithJaccard: false, mhLshBatchSearch: false }],
    ['SPARSE_WAND', { dropRatioSearch: 0, dimMaxScoreRatio: 1.05 }],
    ['AUTOINDEX', { level: 5, ef: 193 }],
  ] as const)('%s: defaults at k 100', (type, expected) => {
    expect(check(type, {}, 100)).toEqual(expected);
  });
  it('widths of graphs are those of the usual level by default, reorder_k is left to the index', () => {
    expect(check('HNSW', {}, 1)).toEqual({ ef: 33 });
    expect(check('QG', {}, 10)).toEqual({ ef: 47 });
    expect(check('DISKANN', {}, 10)).toEqual({ searchList: 47 });
    expect(check('SCANN', {}, 3)).toEqual({ nprobe: 8 });
  });
  it('refuses a width below k, with the text of Milvus', () => {
    const text = (type: IndexType) => refusal(() => check(type, { ef: 9, reorderK: 9, searchList: 9 }, 10));
    expect(text('HNSW')).toBe('invalid_parameter: ef(9) should be larger than k(10): invalid parameter');
    expect(text('HNSW_PRQ')).toContain('ef(9) should be larger than k(10)');
    expect(text('SCANN')).toContain('reorder_k(9) should be larger than k(10)');
    expect(text('DISKANN')).toContain('search_list_size(9) should be larger than k(10)');
    expect(check('HNSW', { ef: 10 }, 10)).toEqual({ ef: 10 });
    expect(check('HNSW', { ef: 9, radius: 1, rangeFilter: 0.5 }, 10)).toEqual({
      ef: 9,
      radius: 1,
      rangeFilter: 0.5,
    });
    expect(check('FLAT', { ef: 9, reorderK: 9 }, 10)).toEqual({});
  });
  it('probes no more lists than there are', () => {
    expect(check('IVF_FLAT', { nprobe: 65_536 }, 10)).toEqual({ nprobe: 128 });
    expect(check('IVF_FLAT', { nprobe: 129 }, 10)).toEqual({ nprobe: 128 });
    expect(check('IVF_FLAT', { nprobe: 127 }, 10)).toEqual({ nprobe: 127 });
  });
  it.each(indexTypeNames)('%s uses only its own keys', (type) => {
    // AUTOINDEX turns its level into the width of what it built.
    const isUsed = (name: string): boolean =>
      indexTypeSpec(type).search.some((one) => one === name) || (type === 'AUTOINDEX' && name === 'ef');
    expect(Object.keys(check(type, everything, 1)).every(isUsed)).toBe(true);
  });
});
