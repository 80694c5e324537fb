// The leaves of a filter that ask for words of texts.
import type { Predicate } from '#expr/typed.js';
import type { WordsLeaf } from './segment-words.js';

export function hasWords(predicate: Predicate): boolean {
  if (predicate.kind === 'and' || predicate.kind === 'or') return predicate.operands.some(hasWords);
  return (predicate.kind === 'not' ? predicate.operand : predicate).kind === 'words';
}

export function wordLeaves(predicate: Predicate): WordsLeaf[] {
  if (predicate.kind === 'and' || predicate.kind === 'or') return predicate.operands.flatMap(wordLeaves);
  const leaf = predicate.kind === 'not' ? predicate.operand : predicate;
  return leaf.kind === 'words' ? [leaf] : [];
}
