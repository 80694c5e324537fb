// A checked filter as one thread hands it to another. The tree is plain data as it is; sets of many numbers bring their tables along, which
// else each thread that evaluates the filter would make in a tenth of a second. What is large lies in shared memory, so that handing it
// over copies nothing.
import { PairSet, type PairTable } from '#expr/evaluate/numbers/pair-set.js';
import { areSmallInts } from '#expr/evaluate/numbers/set-leaves.js';
import type { CheckedFilter, Leaf, Predicate } from './typed.js';

export interface HandedFilter {
  readonly filter: CheckedFilter;
  readonly tables: readonly PairTable[];
}

export interface HandedPredicate {
  readonly predicate: Predicate;
  readonly tables: readonly PairTable[];
}

/** The filter with the tables of all its long sets, which are made here. */
export function handFilter(filter: CheckedFilter): HandedFilter {
  if (filter.kind !== 'predicate') return { filter, tables: [] };
  const predicates = [
    filter.predicate,
    ...(filter.elements === undefined ? [] : [filter.elements.predicate]),
  ];
  for (const predicate of predicates) for (const leaf of setLeaves(predicate)) makeTables(leaf);
  return { filter, tables: predicates.flatMap(tablesOf) };
}

function makeTables({ operand, values: { ints, doubles } }: SetLeaf): void {
  // Whole numbers close to each other are looked up by a bit each, but in JSON.
  if (operand.type === 'json' || !areSmallInts(ints)) PairSet.ofInts(ints);
  PairSet.ofDoubles(doubles);
}

/** The filter, whose tables are known from now on. */
export function takeFilter({ filter, tables }: HandedFilter): CheckedFilter {
  for (const table of tables) PairSet.keep(table);
  return filter;
}

export const handPredicate = (predicate: Predicate): HandedPredicate => ({
  predicate,
  tables: tablesOf(predicate),
});

/** The predicate, whose tables are known from now on. */
export function takePredicate({ predicate, tables }: HandedPredicate): Predicate {
  for (const table of tables) PairSet.keep(table);
  return predicate;
}

/** Those that have been made. */
function tablesOf(predicate: Predicate): PairTable[] {
  return [...setLeaves(predicate)]
    .flatMap(({ values: { ints, doubles } }) => [PairSet.tableOf(ints), PairSet.tableOf(doubles)])
    .filter((table) => table !== undefined);
}

type SetLeaf = Extract<Leaf, { readonly kind: 'in' | 'contains' }>;

function* setLeaves(predicate: Predicate): Generator<SetLeaf> {
  switch (predicate.kind) {
    case 'and':
    case 'or':
      for (const operand of predicate.operands) yield* setLeaves(operand);
      break;
    case 'not':
      yield* setLeaves(predicate.operand);
      break;
    case 'match':
      yield* setLeaves(predicate.elements.predicate);
      break;
    case 'in':
    case 'contains':
      yield predicate;
  }
}
