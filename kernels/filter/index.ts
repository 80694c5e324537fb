// Loops of filters over a block of a column that was copied into the kernel's memory: a bit a row, or the place of a text. AssemblyScript, no
// heap, no globals, no data segments: every address comes from the caller. Reads may go beyond the block, up to the end of its last step;
// the bits of what lies there mean nothing.
export { find } from './find';
export { bytesSet } from './flags';
export { doublesWithin, floatsWithin, int32sWithin, int64sWithin } from './ranges';
export { addHashes, int32sMaybeIn, int32sOnMap, int64sMaybeIn, int64sOnMap } from './sets';
