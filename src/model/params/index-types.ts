// The table of vector index types: what each is built as, for which vectors and metrics, with which parameters. Data only: parsing is in
// index-params.ts (build) and vector-search-params.ts (search), what is built so far in built-index-types.ts.
import type { MetricName } from '#model/schema/metric-type.js';
import type { VectorType } from '#model/schema/vector-type.js';
import { INT_MAX, type ParamSpec, type ValuesOf } from './param-spec.js';
import type { SearchParamName } from './search-param-table.js';

interface IndexTypeSpec {
  /** The type that builds and searches it; another name than its own for an alias. */
  readonly builtAs: string;
  readonly vectorTypes: readonly VectorType[];
  readonly metrics: readonly MetricName[];
  readonly build: Readonly<Record<string, ParamSpec>>;
  /** The search parameters it uses. */
  readonly search: readonly SearchParamName[];
}

const floats = ['FloatVector', 'Float16Vector', 'BFloat16Vector'] as const;
const floatsAndInt8 = [...floats, 'Int8Vector'] as const;
const dense = ['L2', 'IP', 'COSINE'] as const;
const onFloats = { vectorTypes: floats, metrics: dense } as const;
const onDense = { vectorTypes: floatsAndInt8, metrics: dense } as const;
const onSparse = { vectorTypes: ['SparseFloatVector'], metrics: ['IP', 'BM25'] } as const;

const ivf = { nlist: { kind: 'integer', key: 'nlist', min: 1, max: 65_536, default: 128 } } as const;
const graph = {
  M: { kind: 'integer', key: 'M', min: 2, max: 2048, default: 30 },
  efConstruction: { kind: 'integer', key: 'efConstruction', min: 1, max: INT_MAX, default: 360 },
} as const;
const pq = {
  m: { kind: 'divisor', key: 'm', min: 1, max: 65_536, default: 32 },
  /** Milvus says up to 24; tables of 2^24 codewords could neither be learnt from a segment nor kept for a query. */
  nbits: { kind: 'integer', key: 'nbits', min: 1, max: 16, default: 8 },
} as const;
/** Bytes of a query's tables in a graph of product codes: m * nrq tables of 2^nbits float32. Each thread that searches has room for them. */
export const PQ_TABLE_BYTES_MAX = 128 << 20;
const refine = {
  refine: { kind: 'boolean', key: 'refine', default: false },
  refineType: {
    kind: 'word',
    key: 'refine_type',
    values: ['SQ6', 'SQ8', 'FP16', 'BF16', 'FP32'],
    synonyms: { FLAT: 'FP32' },
    default: 'FP32',
    refusal: 'invalid refine type : %s, optional types are [sq6, sq8, fp16, bf16, fp32, flat]',
  },
} as const;
const disk = {
  maxDegree: { kind: 'integer', key: 'max_degree', min: 1, max: 2048, default: 56 },
  searchListSize: { kind: 'integer', key: 'search_list_size', min: 1, max: INT_MAX, default: 100 },
  pqCodeBudgetRatio: { kind: 'number', key: 'pq_code_budget_gb_ratio', min: 0, max: 1, default: 0.125 },
} as const;
const sparse = {
  invertedIndexAlgo: {
    kind: 'word',
    key: 'inverted_index_algo',
    values: ['DAAT_MAXSCORE', 'DAAT_WAND', 'TAAT_NAIVE', 'BLOCK_MAX_MAXSCORE', 'BLOCK_MAX_WAND', 'SINDI'],
    default: 'DAAT_MAXSCORE',
  },
  bm25K1: { kind: 'number', key: 'bm25_k1', min: 0, max: 3, default: 1.2 },
  bm25B: { kind: 'number', key: 'bm25_b', min: 0, max: 1, default: 0.75 },
  dropRatioBuild: {
    kind: 'number',
    key: 'drop_ratio_build',
    min: 0,
    max: 1,
    isMaxExcluded: true,
    default: 0,
  },
} as const;
const sparseSearch = ['dropRatioSearch', 'dimMaxScoreRatio'] as const;
const diskSearch = ['searchList', 'targetRecall'] as const;

export const indexTypes = {
  FLAT: { builtAs: 'FLAT', ...onFloats, build: {}, search: [] },
  IVF_FLAT: { builtAs: 'IVF_FLAT', ...onFloats, build: ivf, search: ['nprobe', 'targetRecall'] },
  IVF_SQ8: { builtAs: 'IVF_SQ8', ...onFloats, build: ivf, search: ['nprobe', 'targetRecall'] },
  IVF_PQ: { builtAs: 'IVF_PQ', ...onFloats, build: { ...ivf, ...pq }, search: ['nprobe', 'targetRecall'] },
  IVF_RABITQ: {
    builtAs: 'IVF_RABITQ',
    ...onFloats,
    build: { ...ivf, ...refine },
    search: ['nprobe', 'rbqQueryBits', 'refineK', 'targetRecall'],
  },
  /** Milvus packs the same codes another way; there is one way here. */
  IVF_RABITQ_FASTSCAN: {
    builtAs: 'IVF_RABITQ',
    ...onFloats,
    build: { ...ivf, ...refine },
    search: ['nprobe', 'refineK', 'targetRecall'],
  },
  HNSW: { builtAs: 'HNSW', ...onDense, build: graph, search: ['ef', 'targetRecall'] },
  HNSW_SQ: {
    builtAs: 'HNSW_SQ',
    ...onDense,
    build: {
      ...graph,
      sqType: {
        kind: 'word',
        key: 'sq_type',
        values: ['SQ4U', 'SQ6', 'SQ8', 'BF16', 'FP16'],
        default: 'SQ8',
        refusal: 'invalid scalar quantizer type',
      },
      ...refine,
    },
    search: ['ef', 'refineK', 'targetRecall'],
  },
  HNSW_PQ: {
    builtAs: 'HNSW_PQ',
    ...onDense,
    build: { ...graph, ...pq, ...refine },
    search: ['ef', 'refineK', 'targetRecall'],
  },
  HNSW_PRQ: {
    builtAs: 'HNSW_PRQ',
    ...onDense,
    build: { ...graph, ...pq, nrq: { kind: 'integer', key: 'nrq', min: 1, max: 16, default: 2 }, ...refine },
    search: ['ef', 'refineK', 'targetRecall'],
  },
  SCANN: {
    builtAs: 'SCANN',
    ...onFloats,
    build: { ...ivf, withRawData: { kind: 'boolean', key: 'with_raw_data', default: true } },
    search: ['nprobe', 'reorderK', 'targetRecall'],
  },
  DISKANN: { builtAs: 'DISKANN', ...onFloats, build: disk, search: diskSearch },
  AISAQ: { builtAs: 'DISKANN', ...onFloats, build: disk, search: diskSearch },
  /** Ours: a graph whose nodes hold the quantised codes of their neighbours. */
  QG: {
    builtAs: 'QG',
    ...onFloats,
    build: { ...graph, bits: { kind: 'choice', key: 'bits', values: [1, 2], default: 2 } },
    search: ['ef', 'targetRecall'],
  },
  BIN_FLAT: {
    builtAs: 'BIN_FLAT',
    vectorTypes: ['BinaryVector'],
    metrics: ['HAMMING', 'JACCARD', 'SUBSTRUCTURE', 'SUPERSTRUCTURE', 'MHJACCARD'],
    build: {},
    search: [],
  },
  BIN_IVF_FLAT: {
    builtAs: 'BIN_IVF_FLAT',
    vectorTypes: ['BinaryVector'],
    metrics: ['HAMMING', 'JACCARD'],
    build: ivf,
    search: ['nprobe', 'targetRecall'],
  },
  MINHASH_LSH: {
    builtAs: 'MINHASH_LSH',
    vectorTypes: ['BinaryVector'],
    metrics: ['MHJACCARD'],
    build: {
      mhElementBitWidth: { kind: 'choice', key: 'mh_element_bit_width', values: [8, 16, 32, 64], default: 8 },
      mhLshBand: { kind: 'integer', key: 'mh_lsh_band', min: 1, max: 65_536, default: 1 },
      mhLshCodeInMem: { kind: 'boolean', key: 'mh_lsh_code_in_mem', default: true },
      withRawData: { kind: 'boolean', key: 'with_raw_data', default: false },
      mhLshBloomFalsePositiveProb: {
        kind: 'number',
        key: 'mh_lsh_bloom_false_positive_prob',
        min: 0,
        max: 1,
        default: 0.01,
      },
    },
    search: ['mhSearchWithJaccard', 'refineK', 'mhLshBatchSearch'],
  },
  SPARSE_INVERTED_INDEX: {
    builtAs: 'SPARSE_INVERTED_INDEX',
    ...onSparse,
    build: sparse,
    search: sparseSearch,
  },
  SPARSE_WAND: {
    builtAs: 'SPARSE_INVERTED_INDEX',
    ...onSparse,
    build: sparse,
    search: sparseSearch,
  },
  AUTOINDEX: {
    builtAs: 'AUTOINDEX',
    vectorTypes: [...floatsAndInt8, 'BinaryVector', 'SparseFloatVector'],
    metrics: [...dense, 'HAMMING', 'JACCARD', 'SUBSTRUCTURE', 'SUPERSTRUCTURE', 'MHJACCARD', 'BM25'],
    build: {},
    search: ['level', 'targetRecall'],
  },
} as const satisfies Record<string, IndexTypeSpec>;

export type IndexType = keyof typeof indexTypes;
/** The types that are built; the others are names of these. */
export type BuiltAs = (typeof indexTypes)[IndexType]['builtAs'];
export type BuildParamsOf<Type extends BuiltAs> = { readonly kind: Type } & ValuesOf<
  (typeof indexTypes)[Type]['build']
>;
/** All parameters of the build, defaults filled in. */
export type BuildParams = { [Type in BuiltAs]: BuildParamsOf<Type> }[BuiltAs];

export const isIndexType = (name: string): name is IndexType => Object.hasOwn(indexTypes, name);
export const indexTypeNames: readonly IndexType[] = Object.keys(indexTypes).filter(isIndexType);
/** The row of a type, with its literal types widened. */
export const indexTypeSpec = (type: IndexType): IndexTypeSpec & { readonly builtAs: BuiltAs } =>
  indexTypes[type];

/** Types of Milvus for graphics cards, and what does the same here. */
export const gpuIndexTypes: ReadonlyMap<string, IndexType> = new Map<string, IndexType>([
  ['GPU_CAGRA', 'HNSW'],
  ['GPU_HNSW', 'HNSW'],
  ['GPU_HNSW_SQ', 'HNSW_SQ'],
  ['GPU_IVF_FLAT', 'IVF_FLAT'],
  ['GPU_IVF_SQ8', 'IVF_SQ8'],
  ['GPU_IVF_PQ', 'IVF_PQ'],
  ['GPU_BRUTE_FORCE', 'FLAT'],
]);
