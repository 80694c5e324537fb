// Cuts long texts where no word is cut, for segmenters that are not linear in the length of a text (that of Node 20 is not).

/** Code units of a piece at most. */
const PIECE = 4096;
const space = /\s/u;
const insideWord = /[\p{L}\p{N}\p{M}\u200d]/u;
const goesOn = /\p{M}|\u200d/u;
const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;

/** Ends of the pieces, ascending; the last is the end of the text. */
export function pieceEnds(text: string): number[] {
  const ends: number[] = [];
  let begin = 0;
  while (text.length - begin > PIECE) {
    begin = cutBefore(text, begin, begin + PIECE);
    ends.push(begin);
  }
  ends.push(text.length);
  return ends;
}

/** Behind the last white space, else behind the last sign that is in no word, else where no character is cut. */
function cutBefore(text: string, begin: number, limit: number): number {
  for (const isCut of [isSpace, isSign]) {
    for (let at = limit; at > begin + 1; at--) if (isCut(text, at - 1)) return at;
  }
  return isLowSurrogate(text.charCodeAt(limit)) ? limit - 1 : limit;
}

const isSpace = (text: string, at: number): boolean => space.test(text.charAt(at));

function isSign(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  return !isSurrogate && !insideWord.test(text.charAt(at)) && !goesOn.test(text.charAt(at + 1));
}
