// What the golden data folders hold, as functions of the key: used by the script that makes a folder (`make-folder.mjs`) and by the test
// that opens those of every earlier version. Small numbers that floats hold exactly, so that scores are equal to the bit.
export const INDEXED_ROWS = 1100;
export const LOGGED_ROWS = 40;

const mix = (value) => {
  let z = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
};

export const floats = (key, salt, dim = 4) =>
  Array.from({ length: dim }, (_, at) => ((mix(key * 131 + salt * 7919 + at) % 65) - 32) / 4);
export const bits = (key, bytes = 8) => Array.from({ length: bytes }, (_, at) => mix(key * 257 + at) & 255);
export const bytes = (key, dim = 4) =>
  Array.from({ length: dim }, (_, at) => (mix(key * 263 + at) % 201) - 100);
export const sparse = (key) =>
  Object.fromEntries(
    Array.from({ length: 3 }, (_, at) => [(mix(key * 269 + at) % 50) + at * 50, 1 + (mix(key + at) % 8) / 8]),
  );
export const signature = (key) => bits(key % 37, 32);

/** Vector fields with the index of each: every format of an index file. */
export const floatIndexes = [
  { name: 'hnsw', index_type: 'HNSW', metric_type: 'L2', params: { M: 4, efConstruction: 40 } },
  {
    name: 'hnsw_sq',
    index_type: 'HNSW_SQ',
    metric_type: 'L2',
    params: { M: 4, efConstruction: 40, sq_type: 'SQ8' },
  },
  {
    name: 'hnsw_pq',
    index_type: 'HNSW_PQ',
    metric_type: 'L2',
    params: { M: 4, efConstruction: 40, m: 2, nbits: 4 },
  },
  { name: 'qg', index_type: 'QG', metric_type: 'L2', params: {} },
  { name: 'ivf_flat', index_type: 'IVF_FLAT', metric_type: 'IP', params: { nlist: 8 } },
  { name: 'ivf_sq8', index_type: 'IVF_SQ8', metric_type: 'COSINE', params: { nlist: 8 } },
  { name: 'ivf_pq', index_type: 'IVF_PQ', metric_type: 'L2', params: { nlist: 8, m: 2, nbits: 4 } },
  { name: 'ivf_rabitq', index_type: 'IVF_RABITQ', metric_type: 'L2', params: { nlist: 8 } },
  { name: 'scann', index_type: 'SCANN', metric_type: 'L2', params: { nlist: 8 } },
  { name: 'diskann', index_type: 'DISKANN', metric_type: 'L2', params: {} },
];
export const otherIndexes = [
  {
    name: 'flat',
    type: 'FloatVector',
    dim: 4,
    index_type: 'FLAT',
    metric_type: 'L2',
    params: {},
    vectorOf: (key) => floats(key, 20),
  },
  {
    name: 'prq',
    type: 'FloatVector',
    dim: 4,
    index_type: 'HNSW_PRQ',
    metric_type: 'L2',
    params: { M: 4, efConstruction: 40, m: 2, nbits: 4, nrq: 2 },
    vectorOf: (key) => floats(key, 21),
  },
  {
    name: 'half',
    type: 'Float16Vector',
    dim: 4,
    index_type: 'HNSW',
    metric_type: 'L2',
    params: { M: 4, efConstruction: 40 },
    vectorOf: (key) => floats(key, 22),
  },
  {
    name: 'brain',
    type: 'BFloat16Vector',
    dim: 4,
    index_type: 'IVF_FLAT',
    metric_type: 'L2',
    params: { nlist: 8 },
    vectorOf: (key) => floats(key, 23),
  },
  {
    name: 'int8',
    type: 'Int8Vector',
    dim: 4,
    index_type: 'HNSW',
    metric_type: 'L2',
    params: { M: 4, efConstruction: 40 },
    vectorOf: bytes,
  },
  {
    name: 'binary',
    type: 'BinaryVector',
    dim: 64,
    index_type: 'BIN_IVF_FLAT',
    metric_type: 'HAMMING',
    params: { nlist: 8 },
    vectorOf: bits,
  },
  {
    name: 'minhash',
    type: 'BinaryVector',
    dim: 256,
    index_type: 'MINHASH_LSH',
    metric_type: 'MHJACCARD',
    params: { mh_element_bit_width: 32, mh_lsh_band: 4 },
    vectorOf: signature,
  },
  {
    name: 'sparse',
    type: 'SparseFloatVector',
    index_type: 'SPARSE_INVERTED_INDEX',
    metric_type: 'IP',
    params: {},
    vectorOf: sparse,
  },
];

/** The rows of `rows`: some in files, some only in the log, some deleted or replaced in each. */
export const scalarsOf = (key, version) => ({
  bool: key % 2 === 0,
  int8: (key % 200) - 100,
  int16: key * 7 - 1000,
  int32: key * 100_003 - 5,
  float: key / 8,
  double: key / 3,
  text: `row ${key}, version ${version} – ${'äß漢字'.slice(0, key % 5)}`,
  json: { key, nested: { list: [key, null, 'x'] } },
  nullable: key % 3 === 0 ? null : `n${key}`,
  dynamic_number: key * 2,
});

export const partitionOf = (key) => (key % 4 === 0 ? 'even' : '_default');
/** Keys 0 to 199 were flushed in version 1; then, in the log only: 150 to 169 deleted, 170 to 189 replaced, 200 to 239 added. */
export function expectedRows() {
  const rows = new Map();
  for (let key = 0; key < 200; key++) rows.set(key, 1);
  for (let key = 20; key < 30; key++) rows.delete(key); // deleted and flushed
  for (let key = 150; key < 170; key++) rows.delete(key);
  for (let key = 170; key < 190; key++) rows.set(key, 2);
  for (let key = 200; key < 200 + LOGGED_ROWS; key++) rows.set(key, 3);
  return rows;
}
