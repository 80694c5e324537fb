// Lists of numbers in JSON to float32. What comes out is the double that a number's text means, rounded once more, bit for bit; where the digits
// leave it open which float32 that is, the caller is asked. The text has 16 bytes behind its end that may be read and are zero.

const READ: u32 = 0,
  MORE: u32 = 1,
  OPEN: u32 = 2,
  REFUSED: u32 = 3;

/** Digits that are gathered at most, in 63 bits; below the next one there is room for eight more, below the last for one more. */
const DIGITS_MAX: usize = 18,
  BEFORE_EIGHT: u64 = 10_000_000_000,
  BEFORE_ONE: u64 = 100_000_000_000_000_000;
const POWER_MAX: i32 = 22;
/** An exponent that large is not read on: the digits of one text do not make up for it. */
const EXPONENT_MAX: i32 = 1_000_000;
/** Up to here a whole number is a double. */
const WHOLE_MAX: u64 = 1 << 53;
/** Four roundings of 2^-53 and the digits left out are far less. */
const ERROR: f64 = 1.0 / <f64>(<u64>1 << 46);

@inline function digitAt(at: usize): u32 {
  return <u32>load<u8>(at) - 0x30;
}

@inline function isSpace(byte: u32): bool {
  return byte <= 0x20 && (byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09);
}

@inline function spaceEnd(at: usize): usize {
  while (isSpace(load<u8>(at))) at++;
  return at;
}

/** How many of eight bytes are digits before the first that is none. */
@inline function digitCount(eight: u64): u64 {
  const values = eight ^ 0x3030303030303030;
  return ctz(((values + 0x7676767676767676) | values) & 0x8080808080808080) >> 3;
}

/** The number that eight digits are, the first one in the lowest byte. */
@inline function eightDigits(eight: u64): u64 {
  const pairs = ((eight & 0x0f0f0f0f0f0f0f0f) * 2561) >> 8,
    fours = ((pairs & 0x00ff00ff00ff00ff) * 6553601) >> 16;
  return ((fours & 0x0000ffff0000ffff) * 42949672960001) >> 32;
}

/** NaN beyond two steps. */
@inline function scaled(digits: u64, exponent: i32, powers: usize): f64 {
  let value = <f64><i64>digits,
    left = exponent < 0 ? -exponent : exponent;
  if (left > 2 * POWER_MAX) return NaN;
  if (left > POWER_MAX) {
    const most = load<f64>(powers + (POWER_MAX << 3));
    value = exponent < 0 ? value / most : value * most;
    left -= POWER_MAX;
  }
  const power = load<f64>(powers + (left << 3));
  return exponent < 0 ? value / power : value * power;
}

/**
 * Reads `count` numbers, each with a comma behind it, the last one with `closer`.
 * @param powers those of ten from 0 to 22, as doubles
 * @param wholes those from 0 to 18, as whole numbers of 64 bits
 * @param state four places of 32 bits: how many were read, where it goes on, and where the last of them begins and ends if it is open
 * @returns 0: all are read; 1: the text ends within the next one; 2: the last one that was read is open; 3: the next one is no finite float32
 */
export function readFloats(text: usize, end: usize, to: usize, count: u32, closer: u32, powers: usize, wholes: usize, state: usize): u32 {
  let at = text,
    next = text,
    done: u32 = 0,
    result = READ;
  while (done < count) {
    next = at = spaceEnd(at);
    result = REFUSED;
    const isNegative = load<u8>(at) == 0x2d,
      whole = at + <usize>isNegative;
    at = whole;
    let digits: u64 = 0,
      exponent: i32 = 0,
      digit = digitAt(at);
    while (digit <= 9) {
      if (digits < BEFORE_ONE) digits = digits * 10 + digit;
      else exponent++;
      digit = digitAt(++at);
    }
    if (at == whole || (load<u8>(whole) == 0x30 && at - whole > 1)) break;
    if (load<u8>(at) == 0x2e) {
      const fraction = ++at;
      let eight = load<u64>(at),
        few = digitCount(eight);
      // The processor guesses this branch, and so begins with what follows before it has counted.
      while (few == 8 && digits < BEFORE_EIGHT) {
        digits = digits * 100_000_000 + eightDigits(eight);
        exponent -= 8;
        at += 8;
        eight = load<u64>(at);
        few = digitCount(eight);
      }
      if (few != 0 && digits < load<u64>(wholes + ((DIGITS_MAX - <usize>few) << 3))) {
        // The first digits stand at the low end: what is not among them goes out at the high one.
        digits = digits * load<u64>(wholes + (<usize>few << 3)) + eightDigits(eight << (64 - (few << 3)));
        exponent -= <i32>few;
        at += <usize>few;
      }
      digit = digitAt(at);
      while (digit <= 9) {
        if (digits < BEFORE_ONE) {
          digits = digits * 10 + digit;
          exponent--;
        }
        digit = digitAt(++at);
      }
      if (at == fraction) break;
    }
    if ((load<u8>(at) | 0x20) == 0x65) {
      const sign = load<u8>(++at);
      if (sign == 0x2b || sign == 0x2d) at++;
      const power = at;
      let value: i32 = 0;
      digit = digitAt(at);
      while (digit <= 9) {
        if (value < EXPONENT_MAX) value = value * 10 + digit;
        digit = digitAt(++at);
      }
      if (at == power) break;
      exponent += sign == 0x2d ? -value : value;
    }
    const numberEnd = at;
    at = spaceEnd(at);
    if (<u32>load<u8>(at) != (done + 1 == count ? closer : 0x2c)) break;
    const value = digits == 0 ? 0 : scaled(digits, exponent, powers),
      single = <f32>value,
      isExact = <u32>(digits <= WHOLE_MAX) & <u32>(exponent + POWER_MAX <= 2 * POWER_MAX) & <u32>(exponent >= -POWER_MAX),
      isOpen = ((isExact ^ 1) & <u32>(<f32>(value * (1 - ERROR)) != <f32>(value * (1 + ERROR)))) != 0;
    if (!isOpen && single > f32.MAX_VALUE) break;
    store<u32>(to + (done << 2), reinterpret<u32>(single) | (<u32>isNegative << 31));
    done++;
    at++;
    if (isOpen) {
      store<u32>(state + 8, <u32>next);
      store<u32>(state + 12, <u32>numberEnd);
      result = OPEN;
      break;
    }
    result = READ;
  }
  // What stopped at the end of the text may go on behind it.
  if (result == REFUSED && at >= end) result = MORE;
  store<u32>(state, done);
  store<u32>(state + 4, <u32>(result == MORE || result == REFUSED ? next : at));
  return result;
}
