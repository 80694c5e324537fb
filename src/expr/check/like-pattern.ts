// `like` patterns: `%` is any run of characters, `_` is one, a backslash takes the next character as it is.
import type { LikePart, LikePattern } from '#expr/typed.js';

/** The pattern, in the simplest form that says the same. */
export function likePattern(pattern: string): LikePattern {
  const parts = likeParts(pattern);
  const texts = parts.filter((part) => part.kind === 'text');
  const isSimple = texts.length <= 1 && parts.every((part) => part.kind !== 'one');
  if (!isSimple) return { kind: 'general', parts };
  const text = texts[0]?.text ?? '';
  const isOpenLeft = parts[0]?.kind === 'any';
  const isOpenRight = parts.at(-1)?.kind === 'any';
  // `%` alone is any text: one that begins with nothing.
  if (isOpenLeft && isOpenRight)
    return texts.length === 0 ? { kind: 'prefix', text } : { kind: 'infix', text };
  return { kind: isOpenLeft ? 'suffix' : isOpenRight ? 'prefix' : 'exact', text };
}

/** No two texts and no two `any`s are neighbours. */
function likeParts(pattern: string): LikePart[] {
  const parts: LikePart[] = [];
  let text = '';
  const flush = (): void => {
    if (text !== '') parts.push({ kind: 'text', text });
    text = '';
  };
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at);
    if (char === '\\' && at + 1 < pattern.length) text += pattern.charAt(++at);
    else if (char === '%') {
      flush();
      if (parts.at(-1)?.kind !== 'any') parts.push({ kind: 'any' });
    } else if (char === '_') {
      flush();
      parts.push({ kind: 'one' });
    } else text += char;
  }
  flush();
  return parts;
}
