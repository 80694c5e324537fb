import { describe, expect, it } from 'vitest';
import { describeBuild, describeBuilds } from './built-as.js';

describe('describeBuild', () => {
  it('names the type, its parameters by their keys, and the codes', () => {
    expect(describeBuild({ kind: 'HNSW', M: 16, efConstruction: 200 }, 'SQ4')).toBe('HNSW M=16 efConstruction=200, 4-bit codes');
    expect(describeBuild({ kind: 'FLAT' })).toBe('FLAT');
    expect(describeBuild({ kind: 'IVF_FLAT', nlist: 64 })).toBe('IVF_FLAT nlist=64');
    expect(describeBuild({ kind: 'HNSW_SQ', M: 8, efConstruction: 100, sqType: 'SQ6', refine: false, refineType: 'FP32' })).toBe(
      'HNSW_SQ M=8 efConstruction=100 sq_type=SQ6 refine=false refine_type=FP32, codes in memory, vectors in the file',
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
