// Which codes nodes have and where they are: the configuration of an instance, which belongs to one thread and one memory.

export const SQ8_L2: u32 = 0,
  SQ8_IP: u32 = 1,
  SQ4_L2: u32 = 2,
  SQ4_IP: u32 = 3,
  SQ6_L2: u32 = 4,
  SQ6_IP: u32 = 5;
export const F32_L2: u32 = 6,
  F32_IP: u32 = 7,
  F16_L2: u32 = 8,
  F16_IP: u32 = 9,
  BF16_L2: u32 = 10,
  BF16_IP: u32 = 11,
  PQ: u32 = 12,
  PQ_BIASED: u32 = 13;

export let mode: u32 = 0;
export let dim: u32 = 0;
export let codes: usize = 0;
export let stride: usize = 0;
export let centroids: u32 = 0;

/** `dims`: padded dims of the SQ forms, dims of the float forms, subquantisers of PQ (`subCentroids` each). */
export function useCodes(codeMode: u32, dims: u32, address: usize, bytes: usize, subCentroids: u32): void {
  mode = codeMode;
  dim = dims;
  codes = address;
  stride = bytes;
  centroids = subCentroids;
  upperCodes = 0;
}

// The same codes of the nodes of upper layers, which come first, side by side; 0: none.
let upperCodes: usize = 0;
let upperStride: usize = 0;

/** After `useCodes`. */
export function useUpperCodes(address: usize, codeStride: usize): void {
  upperCodes = address;
  upperStride = codeStride;
}

/** Bytes from one code to the next, a multiple of 16 in modes other than PQ. */
@inline export function codeStride(): usize {
  return stride;
}

@inline export function isIp(): bool {
  return (mode & 1) == 1;
}

@inline export function hasUpperCodes(): bool {
  return upperCodes != 0;
}

/** Codes are those of upper layers, until the next call. */
export function swapCodes(): void {
  const address = codes,
    step = stride;
  codes = upperCodes;
  stride = upperStride;
  upperCodes = address;
  upperStride = step;
}

@inline export function codeOf(id: u32): usize {
  return codes + <usize>id * stride;
}
