// What indexes, keys and blocks say of the leaves of a filter, looked up before it is planned: one leaf after the other, with rests between
// them. A leaf takes milliseconds at most, and a filter may have thousands of them; the plan itself then asks nobody.
//
// Who may run at a rest: loads and drops of indexes. An answer holds the index that gave it, and rows never change, so it stays right.
import { leavesOf } from '#expr/leaves-of.js';
import type { Leaf, Predicate } from '#expr/typed.js';
import type { Rests } from '#index/scalar/leaf-answer.js';
import { type BlockSource, type FilterFacts, isWorthAsking, type Source } from './filter-plan.js';

/** The same facts; of leaves that ask for words nothing is kept, since words are made between one plan and the next. @throws cancelled, deadline_exceeded */
export async function lookedUp(predicate: Predicate, facts: FilterFacts, pace: Rests): Promise<FilterFacts> {
  if (predicate.kind !== 'and' && predicate.kind !== 'or') return facts;
  const sources = new Map<Leaf, Source | undefined>();
  const blocks = new Map<Leaf, BlockSource | undefined>();
  for (const leaf of leavesOf(predicate)) {
    if (leaf.kind === 'words') continue;
    if (isWorthAsking(leaf, facts)) sources.set(leaf, facts.sourceOf(leaf));
    blocks.set(leaf, facts.blocksOf(leaf));
    if (pace.isDue) await pace.rest();
  }
  return {
    ...facts,
    sourceOf: (leaf) => (sources.has(leaf) ? sources.get(leaf) : facts.sourceOf(leaf)),
    blocksOf: (leaf) => (blocks.has(leaf) ? blocks.get(leaf) : facts.blocksOf(leaf)),
  };
}
