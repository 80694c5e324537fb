// Tasks of filters that worker threads run by name; `index/worker-tasks.ts` spreads them into the one registry.

import { evaluateRows } from '#expr/evaluate/handed-rows.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { checkFilter, type FilterSource } from './filter.js';
import { type HandedFilter, handFilter } from './handed-filter.js';

/** A long text becomes a checked filter with the tables of its sets, all of it plain data. */
function checkLongFilter({
  schema,
  source,
}: {
  readonly schema: CollectionSchema;
  readonly source: FilterSource;
}): HandedFilter {
  return handFilter(checkFilter(schema, source));
}

export const filterTasks = { checkLongFilter, evaluateRows };
