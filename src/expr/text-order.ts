// The order of texts in filters: by code points, which is the order of their UTF-8 bytes. JavaScript's own `<` compares 16-bit units and
// puts emoji before the last characters of the basic plane.

/** Negative, zero or positive, as `Array.sort` wants it. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    // Halves of surrogate pairs stand for code points above all others.
    const isLeftPair = left >= 0xd800 && left <= 0xdfff;
    const isRightPair = right >= 0xd800 && right <= 0xdfff;
    if (isLeftPair !== isRightPair) return isLeftPair ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
}
