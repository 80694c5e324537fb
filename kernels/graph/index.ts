// Graph index kernels: the layered graph over any kind of code, its searches, its building, and the encodings. See README.md.
export { useCodes, useUpperCodes, keysOfAll } from './codes';
export {
  useGraph,
  useThread,
  lastEpoch,
  search,
  searchAdmitting,
  searchTwoHop,
  scanCounting,
  takeRows,
  useRows,
  worthScoring,
} from './graph';
export { useBuild, insertNext, fillLists } from './build';
export { toFrame, to4, to6, to8, to16, to32, toQuery } from './encode';
export { useRecords, writeRecords, makeTable, searchRecords, searchRecordsAdmitting } from './qg';
