// Numbers to the two-byte floats of float16 (IEEE half precision) and bfloat16 vectors, and back. Round to nearest, ties to even, in one
// step from the double: going over float32 would round twice. Too large gives infinity, which callers refuse.
const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);
const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** Number of binary digits after the point: the value is rounded to a multiple of 2^-digits, ties to even. Both steps are exact. */
function roundTo(value: number, digits: number): number {
  const scaled = value * 2 ** digits;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const isUp = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  return (isUp ? floor + 1 : floor) / 2 ** digits;
}

/** Floor of the binary logarithm of a positive normal double. */
function exponentOf(value: number): number {
  double[0] = value;
  return (((words[1] as number) >>> 20) & 0x7ff) - 1023;
}

/** The nearest value with `fraction` bits and exponents from `least` on. */
function roundToFloat(magnitude: number, fraction: number, least: number): number {
  if (!(magnitude > 0) || magnitude === Number.POSITIVE_INFINITY) return magnitude;
  return roundTo(magnitude, fraction - Math.max(exponentOf(magnitude), least));
}

/** The 16 bits of the nearest float16. */
export function float16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const near = roundToFloat(Math.abs(value), 10, -14);
  if (Number.isNaN(near)) return 0x7e00;
  if (near >= 65_536) return sign | 0x7c00;
  if (near < 2 ** -14) return sign | (near * 2 ** 24);
  const exponent = exponentOf(near);
  return sign | (((exponent + 15) << 10) + (near * 2 ** -exponent - 1) * 1024);
}

/** The 16 bits of the nearest bfloat16. */
export function bfloat16Bits(value: number): number {
  const near = roundToFloat(Math.abs(value), 7, -126);
  float[0] = value < 0 || Object.is(value, -0) ? -near : near;
  return Number.isNaN(near) ? 0x7fc0 : (word[0] as number) >>> 16;
}

export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

export function bfloat16Value(bits: number): number {
  word[0] = bits << 16;
  return float[0] as number;
}
