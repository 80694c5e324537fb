// float32 as the shortest decimal number that reads back as the same float32, in JSON's form.

/** Powers of ten that doubles hold exactly. */
const powers = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
/** Nine digits name every float32; shorter numbers than six end in zeros, which are not written. */
const roundings = [1000, 100, 10, 1];
/** Far more than the error of one multiplication of nine digits, far less than half a digit. */
const UNSURE = 1e-6;

/** Three digits each, with and without the zeros in front or at the end: numbers become text without a call of the engine. */
const groups = Array.from({ length: 1000 }, (_, value) => String(value).padStart(3, '0'));
const lastGroups = groups.map((digits) => digits.replace(/0+$/, ''));
const wholes = groups.map((digits) => String(Number(digits)));

/** The smallest float32 of full precision. */
const NORMAL_MIN = 2 ** -126;

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

export function float32Text(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e9) {
    const short = shortest(size);
    if (short !== undefined) return value < 0 ? `-${short}` : short;
  }
  return slowText(value);
}

/** @param size a positive float32 @returns undefined where rounding leaves it open */
function shortest(size: number): string | undefined {
  let exponent = 0;
  while (exponent < 13 && size * (powers[exponent] as number) < 1e8) exponent++;
  const scale = powers[exponent] as number;
  const digits = size * scale;
  const [below, above] = [digits - halfStep(size, -1) * scale, digits + halfStep(size, 1) * scale];
  for (const rounding of roundings) {
    const shifted = digits / rounding;
    const whole = Math.round(shifted);
    const candidate = whole * rounding;
    // Right between two numbers of so many digits, or at the edge of what is read as this float32: others decide.
    if (Math.abs(Math.abs(shifted - whole) - 0.5) < UNSURE) return undefined;
    if (Math.abs(candidate - below) < UNSURE || Math.abs(candidate - above) < UNSURE) return undefined;
    if (candidate > below && candidate < above) return decimalText(candidate, exponent);
  }
  return undefined;
}

/** `digits` over the power of ten, both whole numbers; at most nine digits, at most 13 of them behind the point. */
function decimalText(digits: number, exponent: number): string {
  const scale = powers[exponent] as number;
  const whole = Math.floor(digits / scale);
  const begin = whole < 1000 ? (wholes[whole] as string) : String(whole);
  let rest = digits - whole * scale;
  if (rest === 0) return begin;
  const groupCount = Math.ceil(exponent / 3);
  rest *= powers[groupCount * 3 - exponent] as number;
  let text = `${begin}.`;
  for (let place = (groupCount - 1) * 3; rest > 0; place -= 3) {
    const unit = powers[place] as number;
    const group = Math.floor(rest / unit);
    rest -= group * unit;
    text += (rest === 0 ? lastGroups : groups)[group];
  }
  return text;
}

/** Half of the way to the next float32. */
function halfStep(size: number, direction: 1 | -1): number {
  scratch[0] = size;
  scratchBits[0] = (scratchBits[0] as number) + direction;
  return Math.abs((scratch[0] as number) - size) / 2;
}

function slowText(value: number): string {
  // Those next to zero have fewer digits than six.
  const first = Math.abs(value) < NORMAL_MIN ? 1 : 6;
  for (let digits = first; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}
