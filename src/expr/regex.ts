// Regular expressions of filters: the syntax of RE2, matched in time linear in the text whatever the expression. JavaScript's own go back
// over the text and can take for ever, so they are never used on what a user wrote.
import type { RE2JS } from 're2js';
import { ElanusError, messageOf } from '#base/errors.js';
import { compileRe2 } from '#text/re2.js';

/** Characters of one expression. Classes of Unicode make many steps of few characters: 1,024 take some 0.2 s to compile at worst. */
export const REGEX_LENGTH_MAX = 1024;
/** Instructions of a compiled expression: what one character of the text may cost at most. */
const REGEX_SIZE_MAX = 1024;
/**
 * Bytes of one text times instructions: nothing can rest within a text, and so many steps take a third of a second at worst. A text of 32 KiB
 * is in reach of every expression, the longest of all of one of 512 instructions.
 */
const REGEX_STEPS_MAX = 2 ** 25;

export interface Regex {
  /** Whether it is found anywhere in the text: a string, or the bytes of its UTF-8. */
  test(text: string | Uint8Array): boolean;
  /** Instructions; at worst each byte of a text is held against all of them. */
  programSize(): number;
}

/** @throws invalid_parameter for what is no regular expression, or too large a one */
export function compileRegex(source: string): Regex {
  if (source.length > REGEX_LENGTH_MAX) {
    throw new ElanusError(
      'invalid_parameter',
      `the regular expression has ${source.length} characters, expected at most ${REGEX_LENGTH_MAX}`,
    );
  }
  const regex = compile(source);
  const size = regex.programSize();
  if (size > REGEX_SIZE_MAX) {
    throw new ElanusError(
      'invalid_parameter',
      `the regular expression has ${size} steps, expected at most ${REGEX_SIZE_MAX}; repeat less`,
    );
  }
  return regex;
}

/**
 * Held to before an expression meets a text: the time that it takes is bounded by the product, whatever either is.
 * @param size instructions of the expression
 * @throws invalid_parameter
 */
export function checkRegexSteps(size: number, textBytes: number): void {
  if (size * textBytes <= REGEX_STEPS_MAX) return;
  throw new ElanusError(
    'invalid_parameter',
    `the regular expression has ${size} steps and meets a text of ${textBytes} bytes, expected a product of at most ` +
      `${REGEX_STEPS_MAX}; repeat less, or ask shorter texts`,
  );
}

function compile(source: string): RE2JS {
  try {
    return compileRe2(source);
  } catch (cause) {
    if (cause instanceof ElanusError) throw cause; // Not of the expression: what compiles it is missing.
    throw new ElanusError('invalid_parameter', `invalid regular expression: ${messageOf(cause)}`, { cause });
  }
}
