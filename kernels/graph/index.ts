// Graph index kernels: the layered graph over any kind of code, its searches, its building, and the encodings. See README.md.
export { useCodes, useUpperCodes } from './code-place';
export { keysOfAll } from './codes';
export { lastEpoch, search, searchKeeping, useGraph, useNodeBits, useRows, useThread } from './graph';
export { hasGoneFar, searchCounting, walkEntered, walkKnown, workDone } from './filtered';
export { enterCounting } from './seeds';
export { takeRows, worthScoring } from './found';
export { fillLists, insertNext, useBuild } from './build';
export { to16, to32, to4, to6, to8, toFrame, toQuery } from './encode';
export { useRecords, writeRecords } from './qg-records';
export { makeTable, searchRecords, searchRecordsCounting } from './qg';
export { scanCounting, scanListed } from './scan-counting';
