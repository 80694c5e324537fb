// Groups as a filter: rows of some groups, or of all others. What the groups are made of are fields, so the filter says it without a doubt; of
// values at JSON paths, and of times, a filter may think otherwise, and rows are left out by their addresses instead.
import { DataType } from '#model/schema/data-type.js';
import { encodeTexts } from '#model/text-list.js';
import type { TemplateValue } from '#proto/milvus/schema.js';
import type { FilterRequest } from '#roles/proxy/reads/request-filter.js';
import type { GroupValue } from './group-values.js';
import type { GroupKey } from './grouping.js';

export const isFilterable = (keys: readonly GroupKey[]): boolean =>
  keys.every(({ path, type }) => path === undefined && type !== DataType.Timestamptz);

export interface FilteredGroups {
  readonly keys: readonly GroupKey[];
  readonly groups: readonly (readonly GroupValue[])[];
  /** Whether rows of these groups pass, or all others. */
  readonly pass: boolean;
}

/** @param isLast the client's filter has a part that must stay the last of all */
export function withGroups(sent: FilterRequest, filtered: FilteredGroups, isLast: boolean): FilterRequest {
  const templates: Record<string, TemplateValue> = { ...sent.templates };
  const text = groupsText(filtered, templates);
  if (sent.text === '') return { ...sent, text, templates };
  return { ...sent, text: `(${text}) and ${isLast ? sent.text : `(${sent.text})`}`, templates };
}

function groupsText(
  { keys, groups, pass }: FilteredGroups,
  templates: Record<string, TemplateValue>,
): string {
  const [only] = keys;
  const text =
    only !== undefined && keys.length === 1
      ? oneOf(
          only,
          groups.map(([value = null]) => value),
          templates,
        )
      : groups
          .map((values) => keys.map((key, at) => oneOf(key, [values[at] ?? null], templates)).join(' and '))
          .map((all) => `(${all})`)
          .join(' or ');
  return pass ? text : `not (${text})`;
}

/** Never unknown: a row without a value is in the group of those without one, and in no other. */
function oneOf(
  { name, field, type }: GroupKey,
  values: readonly GroupValue[],
  templates: Record<string, TemplateValue>,
): string {
  const some = values.filter((value) => value !== null);
  const parts: string[] = [];
  if (some.length < values.length) parts.push(`${name} is null`);
  if (some.length > 0) {
    const listed = type === DataType.Bool ? boolText(name, some) : listText(name, some, templates);
    parts.push(field.nullable ? `(${name} is not null and ${listed})` : listed);
  }
  return `(${parts.join(' or ')})`;
}

const boolText = (name: string, values: readonly GroupValue[]): string =>
  `(${values.map((value) => `${name} == ${String(value)}`).join(' or ')})`;

function listText(
  name: string,
  values: readonly GroupValue[],
  templates: Record<string, TemplateValue>,
): string {
  if (typeof values[0] !== 'string') return `${name} in [${values.join(', ')}]`;
  const template = `elanus_group_${Object.keys(templates).length}`;
  templates[template] = {
    val: {
      $case: 'arrayVal',
      value: { data: { $case: 'stringData', value: encodeTexts(values.map(String)) } },
    },
  };
  return `${name} in {${template}}`;
}
