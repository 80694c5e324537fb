// What all graph indexes of the comparison are built with, and the widths (ef) they are searched with.
export const graphParameters = { M: 16, efConstruction: 200 };
export const graphWidths = [10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];
/** Fewer for filters: there are three shares to go through. */
export const filterWidths = [32, 64, 128, 256, 512];
export const K = 10;
