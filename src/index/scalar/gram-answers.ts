// Leaves of a filter by lists of grams: `like` whose pattern has a text in it that is long enough. What is found are candidates.
import type { Leaf, LikePattern } from '#expr/typed.js';
import type { GramLists } from './gram-lists.js';
import { type LeafAnswer, listAnswer } from './leaf-answer.js';

const utf8 = new TextEncoder();

export function answerByGrams(lists: GramLists, leaf: Leaf): LeafAnswer | undefined {
  if (leaf.kind !== 'like') return undefined;
  const buckets = lists.bucketsOf(textsIn(leaf.pattern));
  const [rarest] = buckets ?? [];
  if (buckets === undefined || rarest === undefined) return undefined;
  const rowsMax = lists.countOf(rarest);
  return {
    rowsMax,
    isExact: false,
    addTo: (bits) => listAnswer(lists.rowsIn(buckets), false).addTo(bits),
  };
}

/** What must stand in a text, each part by itself. */
function textsIn(pattern: LikePattern): Uint8Array[] {
  if (pattern.kind !== 'general') return [utf8.encode(pattern.text)];
  return pattern.parts.flatMap((part) => (part.kind === 'text' ? [utf8.encode(part.text)] : []));
}
