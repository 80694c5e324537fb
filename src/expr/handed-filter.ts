// A checked filter as one thread hands it to another. The tree is plain data as it is; sets of many numbers bring their tables along, which
// else each thread that evaluates the filter would make in a tenth of a second. What is large lies in shared memory, so that handing it
// over copies nothing.
import { PairSet, type PairTable } from '#expr/evaluate/numbers/pair-set.js';
import type { CheckedFilter, Predicate, ValueSet } from './typed.js';

export interface HandedFilter {
  readonly filter: CheckedFilter;
  readonly tables: readonly PairTable[];
}

export function handFilter(filter: CheckedFilter): HandedFilter {
  const tables: PairTable[] = [];
  if (filter.kind === 'predicate') {
    for (const { ints, doubles } of setsIn(filter.predicate)) tables.push(...PairSet.tablesOf(ints, doubles));
    if (filter.elements !== undefined)
      for (const { ints, doubles } of setsIn(filter.elements.predicate))
        tables.push(...PairSet.tablesOf(ints, doubles));
  }
  return { filter, tables };
}

/** The filter, whose tables are known from now on. */
export function takeFilter({ filter, tables }: HandedFilter): CheckedFilter {
  for (const table of tables) PairSet.keep(table);
  return filter;
}

function* setsIn(predicate: Predicate): Generator<ValueSet> {
  switch (predicate.kind) {
    case 'and':
    case 'or':
      for (const operand of predicate.operands) yield* setsIn(operand);
      break;
    case 'not':
      yield* setsIn(predicate.operand);
      break;
    case 'match':
      yield* setsIn(predicate.elements.predicate);
      break;
    case 'in':
    case 'contains':
      yield predicate.values;
  }
}
