// The score next to another, as float32 has them: what a range has to begin at to be strictly behind a score.

/** Products of large numbers are infinite. Behind the worst infinity is nothing, so that it is answered itself. @param isLargerBetter smaller scores are behind then */
export function scoreBehind(score: number, isLargerBetter: boolean): number {
  const float = Math.fround(score);
  return isLargerBetter ? -nextUp(-float) : nextUp(float);
}

/** The score that is strictly better, and nearest. */
export const scoreBefore = (score: number, isLargerBetter: boolean): number =>
  scoreBehind(score, !isLargerBetter);

function nextUp(float: number): number {
  if (Number.isNaN(float) || float === Infinity) return float;
  const words = new Int32Array(1);
  const floats = new Float32Array(words.buffer);
  // Adding 0 makes -0 the 0 that counts up from there.
  floats[0] = float + 0;
  const bits = words[0] as number;
  words[0] = bits >= 0 ? bits + 1 : bits - 1;
  return floats[0] as number;
}
