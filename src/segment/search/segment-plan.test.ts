import { expect, test } from 'vitest';
import { describePlan } from './describe-plan.js';
import {
  type DenseFacts,
  type FileFacts,
  type IndexFacts,
  isIndexUsable,
  planSegmentSearch,
  rowsPerScanTask,
  type SparseFacts,
} from './segment-plan.js';

const common = {
  metric: 'L2',
  queryCount: 1,
  kAsked: 10,
  k: 10,
  params: {},
  rowCount: 100_000,
  passing: 100_000,
  parallelism: 4,
} as const;

const dense: DenseFacts = {
  ...common,
  store: 'dense',
  dim: 128,
  elementType: 'float32',
  vectorBytes: 512,
  queryBytes: 512,
  isAlone: false,
  isNarrowed: false,
  index: undefined,
  keepsRecall: false,
  grownRows: 0,
};

const indexOf = (indexType: string, of: Partial<IndexFacts> = {}): IndexFacts => ({
  indexType,
  metric: 'L2',
  rowCount: 100_000,
  planOf: (passing) => (passing === 100_000 ? 'walk' : 'filtered walk'),
  probeMicros: () => undefined,
  ...of,
});
const hnsw = indexOf('HNSW');
const byCodes = indexOf('HNSW', { planOf: () => 'scan' });
const few = { isNarrowed: true, passing: 1000 };
const chosen = { isExact: false, params: { ef: 77 }, width: 77, recall: 0.97 } as const;

// What a search of vectors in memory becomes, and how explain shows it.
test.each<[string, Partial<DenseFacts>, object, object]>([
  ['no index', {}, { kind: 'scan', sharedAtOnce: 4 }, { plan: 'scan', indexType: '', recall: 1 }],
  ['a short scan', { rowCount: 500, passing: 500 }, { kind: 'scan', sharedAtOnce: undefined }, { rows: 500 }],
  ['many queries', { queryCount: 5 }, { kind: 'scan', sharedAtOnce: undefined }, { computed: 500_000n }],
  ['a range', { isAlone: true }, { kind: 'scan', sharedAtOnce: undefined }, { plan: 'scan' }],
  ['a scan of all threads', { queryCount: 4, dim: 1024 }, { kind: 'scan', sharedAtOnce: 1 }, {}],
  [
    'an index',
    { index: hnsw, params: { ef: 40 } },
    { kind: 'index', params: { ef: 40 }, recall: 0 },
    { indexType: 'HNSW', plan: 'walk', widthName: 'ef', width: 40, computed: 9n, recall: 0 },
  ],
  [
    'an index with a filter',
    { index: hnsw, params: { ef: 40 }, isNarrowed: true, passing: 5000 },
    { kind: 'index' },
    { plan: 'filtered walk', passing: 5000 },
  ],
  [
    'lists that take more time than the rows that count',
    { index: indexOf('IVF_FLAT', { probeMicros: () => 5000 }), isNarrowed: true, passing: 9000 },
    { kind: 'rows' },
    { plan: 'rows', recall: 1 },
  ],
  [
    'lists that take less time',
    { index: indexOf('IVF_FLAT', { probeMicros: () => 50 }), isNarrowed: true, passing: 9000 },
    { kind: 'index' },
    { plan: 'probe' },
  ],
  [
    'lists',
    { index: indexOf('IVF_FLAT'), params: { nprobe: 8 } },
    { kind: 'index' },
    { plan: 'probe', width: 8 },
  ],
  [
    'an index without a width',
    { index: indexOf('MINHASH_LSH') },
    { kind: 'index' },
    { plan: 'walk', width: 0 },
  ],
  ['an index of another metric', { index: indexOf('HNSW', { metric: 'IP' }) }, { kind: 'scan' }, {}],
  ['an index of fewer rows', { index: indexOf('HNSW', { rowCount: 99_999 }) }, { kind: 'scan' }, {}],
  [
    'few rows go before an index',
    { index: hnsw, ...few },
    { kind: 'rows', rowsPerTask: 1000 },
    { plan: 'rows' },
  ],
  ['one row more', { index: hnsw, ...few, passing: 1001 }, { kind: 'index' }, {}],
  [
    'few rows go before a look through codes',
    { index: indexOf('HNSW', { planOf: () => 'scan' }), ...few },
    { kind: 'rows', rowsPerTask: 1000 },
    { plan: 'rows' },
  ],
  [
    'codes go before few rows of long vectors',
    { index: byCodes, ...few, vectorBytes: 1536, params: { ef: 12 } },
    { kind: 'index', params: { ef: 12 } },
    { plan: 'scan', passing: 1000 },
  ],
  [
    'so few that a core has them at hand',
    { index: byCodes, ...few, vectorBytes: 1048 },
    { kind: 'rows' },
    {},
  ],
  [
    'a range of such rows',
    { index: byCodes, ...few, vectorBytes: 1536, isAlone: true },
    { kind: 'rows' },
    {},
  ],
  [
    'a recall of such rows',
    { index: byCodes, ...few, vectorBytes: 1536, keepsRecall: true },
    { kind: 'rows' },
    {},
  ],
  [
    'such rows of an index of other codes',
    { index: indexOf('QG', { planOf: () => 'scan' }), ...few, vectorBytes: 1536 },
    { kind: 'rows' },
    {},
  ],
  ['such rows that a walk would go over', { index: hnsw, ...few, vectorBytes: 1536 }, { kind: 'rows' }, {}],
  [
    'a chosen width',
    { index: hnsw, choice: chosen },
    { kind: 'index', params: { ef: 77 } },
    { recall: 0.97 },
  ],
  [
    'an exact choice',
    { index: hnsw, choice: { isExact: true }, keepsRecall: true },
    { kind: 'scan' },
    { recall: 1 },
  ],
  [
    'few rows by bits',
    { isNarrowed: true, passing: 3000 },
    { kind: 'rows' },
    { plan: 'rows', computed: 3000n },
  ],
  ['not so few, but apart', { isNarrowed: true, passing: 11_000 }, { kind: 'rows' }, { plan: 'rows' }],
  [
    'as many, of long vectors',
    { isNarrowed: true, passing: 40_000, vectorBytes: 4096 },
    { kind: 'rows' },
    {},
  ],
  ['as many, side by side', { isNarrowed: true, passing: 12_000 }, { kind: 'scan' }, {}],
  ['many of few', { isNarrowed: true, rowCount: 900, passing: 899 }, { kind: 'scan' }, {}],
  [
    'a graph that would score each row',
    { index: indexOf('HNSW', { planOf: () => 'exact' }), isNarrowed: true, passing: 9000 },
    { kind: 'rows' },
    { plan: 'rows', recall: 1 },
  ],
  [
    'a graph that grows',
    { grownRows: 60_000, params: { ef: 30 } },
    { kind: 'walk and scan', grownRows: 60_000 },
    { indexType: 'HNSW', plan: 'walk and scan', widthName: 'ef', width: 30, recall: 0 },
  ],
  ['a recall keeps the graph out', { grownRows: 60_000, keepsRecall: true }, { kind: 'scan' }, {}],
  [
    'signatures',
    { metric: 'MHJACCARD', elementType: 'binary' },
    { kind: 'signatures', rowsPerTask: 25_000 },
    {},
  ],
  [
    'very many queries over many rows',
    { queryCount: 1000, rowCount: 2_000_000, passing: 2_000_000 },
    { kind: 'slices', queriesPerSlice: 32 },
    { plan: 'scan', computed: 2_000_000_000n },
  ],
])('%s', (_name, more, plan, described) => {
  const facts = { ...dense, ...more };
  const made = planSegmentSearch(facts);
  expect(made).toMatchObject(plan);
  expect(describePlan(made, facts, { computed: 9 })).toMatchObject(described);
});

test('a walk that was given up is reported', () => {
  const asked = { ...dense, index: hnsw, isNarrowed: true, passing: 50_000, params: { ef: 20 } };
  const { plan } = describePlan(planSegmentSearch(asked), asked);
  expect(describePlan(planSegmentSearch(asked), asked, { givenUp: 1 }).plan).toBe(`${plan}, walk given up`);
  const many = { ...asked, queryCount: 5 };
  expect(describePlan(planSegmentSearch(many), many, { givenUp: 2 }).plan).toBe(
    `${plan}, walk given up (2 of 5)`,
  );
});

test('a recall is chosen only for an index that would answer', () => {
  expect(isIndexUsable({ ...dense, index: hnsw })).toBe(true);
  expect(isIndexUsable({ ...dense, index: hnsw, ...few })).toBe(false);
  expect(isIndexUsable(dense)).toBe(false);
});

test('a slice of the queries is never cut again, and tasks of a scan are whole blocks', () => {
  for (const rowCount of [1, 64, 5000, 1_000_000, 40_000_000]) {
    const facts = { ...dense, rowCount, passing: rowCount, queryCount: 32 };
    expect(planSegmentSearch(facts).kind).toBe('scan');
    const perTask = rowsPerScanTask(facts, rowCount, 32);
    expect(perTask % 64).toBe(0);
    expect(Math.ceil(rowCount / perTask)).toBeLessThanOrEqual(Math.max(1, rowCount / 64));
  }
});

const sparse: SparseFacts = {
  ...common,
  metric: 'IP',
  store: 'sparse',
  indexType: undefined,
  indexedRows: 0,
  scannedBytes: 9 << 20,
  rowBytes: 100,
  postings: undefined,
};

test.each<[string, Partial<SparseFacts>, object, object]>([
  ['rows', {}, { firstScanned: 0, rowsPerTask: 50_000 }, { plan: 'scan', indexType: '', recall: 1 }],
  ['few bytes', { scannedBytes: 1000 }, { firstScanned: 0, rowsPerTask: 100_000 }, {}],
  [
    'an index over the first rows',
    { indexType: 'SPARSE_WAND', indexedRows: 99_000, scannedBytes: 1000 },
    { firstScanned: 99_000, rowsPerTask: 1000 },
    { plan: 'lists', indexType: 'SPARSE_WAND', recall: 1 },
  ],
  [
    'some of the rows, without an index',
    { passing: 50_000 },
    { kind: 'sparse rows', rowsPerTask: 50_000 },
    { plan: 'rows', passing: 50_000, recall: 1 },
  ],
  [
    'few rows',
    { passing: 20, indexType: 'SPARSE_WAND', indexedRows: 100_000, scannedBytes: 0 },
    { kind: 'sparse rows' },
    {},
  ],
  [
    'rows that take less time than the lists',
    { passing: 1000, indexType: 'SPARSE_WAND', indexedRows: 100_000, scannedBytes: 0, postings: 40_000 },
    { kind: 'sparse rows' },
    {},
  ],
  [
    'lists that take less time than the rows',
    { passing: 9000, indexType: 'SPARSE_WAND', indexedRows: 100_000, scannedBytes: 0, postings: 40_000 },
    { kind: 'sparse' },
    {},
  ],
  ['most of the rows, without an index', { passing: 50_001 }, { kind: 'sparse' }, { plan: 'scan' }],
  ['no row at all', { passing: 0 }, { kind: 'sparse rows' }, { plan: 'rows' }],
])('sparse: %s', (_name, more, plan, described) => {
  const facts = { ...sparse, ...more };
  const made = planSegmentSearch(facts);
  expect(made).toMatchObject(plan);
  const computed = made.kind === 'sparse rows' ? BigInt(facts.passing) : 0n;
  expect(describePlan(made, facts, { computed: 0 })).toMatchObject({ computed, ...described });
});

const disk: FileFacts = { ...common, store: 'disk', index: hnsw };

test.each<[string, Partial<FileFacts>, object, object]>([
  [
    'a usual width',
    {},
    { kind: 'disk walk', width: 10 },
    { plan: 'walk', widthName: 'search_list', recall: 0 },
  ],
  [
    'a width',
    { params: { searchList: 50 } },
    { params: { searchList: 50 } },
    { indexType: 'DISKANN', width: 50 },
  ],
  [
    'a recall',
    { params: { targetRecall: 0.99 } },
    { params: { searchList: expect.any(Number) } },
    { recall: 0 },
  ],
  [
    'codes',
    { store: 'codes', params: { ef: 5 } },
    { kind: 'codes', isRefined: false },
    { plan: 'walk, by codes' },
  ],
  [
    'codes, some rows, refined',
    { store: 'codes', params: { ef: 70, refineK: 3 }, passing: 300 },
    { kind: 'codes', isRefined: true, params: { ef: 70, refineK: 3 } },
    { plan: 'filtered walk, by codes, refined', widthName: 'ef', width: 70, computed: 9n },
  ],
])('in a file: %s', (_name, more, plan, described) => {
  const facts = { ...disk, ...more };
  const made = planSegmentSearch(facts);
  expect(made).toMatchObject(plan);
  expect(made).not.toHaveProperty('params.targetRecall');
  expect(describePlan(made, facts, { computed: 9 })).toMatchObject(described);
});
