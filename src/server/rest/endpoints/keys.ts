// Keys that a body names, one or a list, and the filter that finds their rows. They go as values of a template: no key can be read as a filter.
import { z } from 'zod';
import { DataType, type FieldSchema, type TemplateValue } from '#proto/milvus/schema.js';
import { notJson } from '#server/rest/rest-failure.js';
import { templateValues } from '#server/rest/rows/expr-params.js';

const key = z.union([z.string(), z.int(), z.bigint()]);
export const keyShape = z.union([key, z.array(key).min(1)]).meta({
  oneOf: [
    { type: 'integer', format: 'int64' },
    { type: 'string' },
    {
      type: 'array',
      minItems: 1,
      items: { oneOf: [{ type: 'integer', format: 'int64' }, { type: 'string' }] },
    },
  ],
});

export function keyList(primary: FieldSchema, keys: z.output<typeof keyShape>): readonly (string | bigint)[] {
  const list = Array.isArray(keys) ? keys : [keys];
  return list.map((one) => {
    if (primary.dataType === DataType.VarChar)
      return typeof one === 'string'
        ? one
        : notJson(`id ${one} is a number, keys of field ${primary.name} are text`);
    // Clients that read int64 as text send it as text.
    if (typeof one === 'string' && !/^-?\d{1,19}$/.test(one))
      return notJson(
        `id ${JSON.stringify(one.slice(0, 40))} is no int64, as keys of field ${primary.name} are`,
      );
    return BigInt(one);
  });
}

export function keyFilter(
  primary: FieldSchema,
  keys: z.output<typeof keyShape>,
): { readonly expr: string; readonly exprTemplateValues: { [name: string]: TemplateValue } } {
  return {
    expr: `${primary.name} in {ids}`,
    exprTemplateValues: templateValues({ ids: keyList(primary, keys) }),
  };
}
