// Kernels of the IVF family and of product quantisation, over one (shared) linear memory. AssemblyScript, no heap, no globals, no data
// segments: every address comes from the caller, so many threads can run this over the same memory at once.
export { finish } from './topk';
export { accumulate, assign, scoreAll, selectBest } from './centroids';
export { scanBytes, scanNibbles, scanTables16, scanTables8 } from './codes';
export { keepRows } from './rows';
export { quantiseTables, rotate, signTables, subtract } from './rotation';
