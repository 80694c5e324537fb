import { describe, expect, it } from 'vitest';
import { codeBytesADim, describeBuild, describeBuilds } from './built-as.js';

describe('describeBuild', () => {
  it('names the type, its parameters by their keys, and the codes', () => {
    expect(
      describeBuild(
        { kind: 'HNSW', M: 16, efConstruction: 200 },
        { indexType: 'HNSW', params: { form: 'SQ4' } },
      ),
    ).toBe('HNSW M=16 efConstruction=200, 4-bit codes');
    expect(describeBuild({ kind: 'FLAT' })).toBe('FLAT');
    expect(describeBuild({ kind: 'IVF_FLAT', nlist: 64 })).toBe('IVF_FLAT nlist=64');
    expect(
      describeBuild({
        kind: 'HNSW_SQ',
        M: 8,
        efConstruction: 100,
        sqType: 'SQ6',
        refine: false,
        refineType: 'FP32',
      }),
    ).toBe(
      'HNSW_SQ M=8 efConstruction=100 sq_type=SQ6 refine=false refine_type=FP32, codes in memory, vectors in the file',
    );
  });
  it('says what took the place of codes that rank rows wrongly', () => {
    const because = ': shorter codes rank these vectors wrongly';
    const hnsw = { kind: 'HNSW', M: 16, efConstruction: 200 } as const;
    expect(describeBuild(hnsw, { indexType: 'HNSW', params: { form: 'BF16' } })).toBe(
      `HNSW M=16 efConstruction=200, bfloat16 codes${because}`,
    );
    const qg = { kind: 'QG', M: 16, efConstruction: 200, bits: 2 } as const;
    expect(describeBuild(qg, { indexType: 'QG', params: { form: 'SQ8' } })).toBe(
      'QG M=16 efConstruction=200 bits=2',
    );
    expect(describeBuild(qg, { indexType: 'HNSW', params: { form: 'FP32' } })).toBe(
      `QG M=16 efConstruction=200 bits=2, as HNSW by float32 codes${because}`,
    );
    const sq = {
      kind: 'HNSW_SQ',
      M: 8,
      efConstruction: 100,
      sqType: 'SQ6',
      refine: true,
      refineType: 'FP32',
    } as const;
    const start = 'HNSW_SQ M=8 efConstruction=100 sq_type=SQ6 refine=true refine_type=FP32';
    expect(describeBuild(sq, { indexType: 'HNSW_SQ', params: { form: 'SQ6' } })).toBe(start);
    expect(describeBuild(sq, { indexType: 'HNSW_SQ', params: { form: 'SQ8' } })).toBe(
      `${start}, 8-bit codes${because}`,
    );
    expect(describeBuild({ kind: 'IVF_SQ8', nlist: 64 }, { indexType: 'IVF_FLAT', params: {} })).toBe(
      `IVF_SQ8 nlist=64, as IVF_FLAT${because}`,
    );
  });
});

describe('describeBuilds', () => {
  it('says one form plainly and several with their shares, the largest first', () => {
    expect(describeBuilds([])).toBe('');
    expect(
      describeBuilds([
        { builtAs: 'A', rowCount: 1 },
        { builtAs: 'A', rowCount: 2 },
      ]),
    ).toBe('A');
    expect(
      describeBuilds([
        { builtAs: 'A', rowCount: 1 },
        { builtAs: 'B', rowCount: 5 },
        { builtAs: 'A', rowCount: 2 },
      ]),
    ).toBe('B (1 segment, 5 rows); A (2 segments, 3 rows)');
  });
});

it('the bytes of codes are read from the text', () => {
  const build = { kind: 'DISKANN', maxDegree: 32, searchListSize: 60, pqCodeBudgetRatio: 0.25 } as const;
  const bytesOf = (form: string): number =>
    codeBytesADim(describeBuild(build, { indexType: 'DISKANN', params: { form } }));
  expect(['SQ4', 'SQ8', 'BF16', 'FP32'].map(bytesOf)).toEqual([1, 1, 2, 4]);
});
