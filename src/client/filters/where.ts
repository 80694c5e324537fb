// From `where` of a call to a filter: the fields of a declaration as the beginnings of conditions, made once a declaration.
import type { AnyDeclaration } from '#client/schema/collection.js';
import type { Fields } from '#client/schema/row-types.js';
import { FieldFilter, quoted } from './field-filter.js';
import { Filter } from './filter.js';
import type { DynamicFilter, FieldFilters, JsonPathFilter, Where } from './filter-types.js';

const known = new WeakMap<object, object>();

function fieldFilters(fields: Fields): object {
  const found = known.get(fields);
  if (found !== undefined) return found;
  const made = Object.fromEntries(
    Object.entries(fields).map(([name, { spec }]) => [name, new FieldFilter(name, spec)] as const),
  );
  known.set(fields, made);
  return made;
}

const dynamicFilter: DynamicFilter = (key) =>
  new FieldFilter(`$meta[${quoted(key)}]`, undefined) as JsonPathFilter;

/** @returns undefined where nothing is asked for */
export function filterOf<F extends Fields, Dynamic extends boolean>(
  declaration: AnyDeclaration<F, Dynamic>,
  where: Where<F, Dynamic> | undefined,
): Filter | undefined {
  if (where === undefined || where instanceof Filter) return where;
  const build = where as (fields: FieldFilters<F>, dynamic: DynamicFilter) => Filter;
  return build(fieldFilters(declaration.fields) as FieldFilters<F>, dynamicFilter);
}

/** A filter over the fields of a declaration, made once and used in many calls. */
export const where = <F extends Fields, Dynamic extends boolean>(
  declaration: AnyDeclaration<F, Dynamic>,
  condition: Exclude<Where<F, Dynamic>, Filter>,
): Filter => filterOf(declaration, condition) ?? new Filter([''], []);
