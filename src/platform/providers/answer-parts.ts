// Small parts of requests and answers that providers have in common.
import { type RequestParams, refuse } from '#model/params/request-params.js';

export const member = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;

export const listOf = (value: unknown): readonly unknown[] | undefined =>
  Array.isArray(value) ? (value as readonly unknown[]) : undefined;

/** Items that say which text they are of go where they say; undefined: some text has none. */
export function byIndex(
  items: readonly unknown[] | undefined,
  indexKey: string,
  valueKey: string,
): readonly unknown[] | undefined {
  if (items === undefined) return undefined;
  const ordered = new Array<unknown>(items.length).fill(undefined);
  for (const [at, item] of items.entries()) {
    const index = member(item, indexKey) ?? at;
    if (typeof index !== 'number' || !(index in ordered)) return undefined;
    ordered[index] = member(item, valueKey);
  }
  return ordered.includes(undefined) ? undefined : ordered;
}

/** A member of a body that is left out where nothing was said. */
export const unless = <T>(isAbsent: boolean, key: string, value: T): object =>
  isAbsent ? {} : { [key]: value };

/** Names of models are parts of paths with some providers. */
export function pathOf(model: string): string {
  const parts = model.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    refuse(`model_name [${model.slice(0, 200)}] is invalid; expected a name without empty parts`);
  return parts.map(encodeURIComponent).join('/');
}

export function withPath(base: string, path: string): string {
  const url = new URL(base);
  const before = url.pathname.replace(/\/$/, '');
  url.pathname = before.endsWith(path) ? before : `${before}${path}`;
  return url.href;
}

/** One of the values that a provider knows. */
export function truncation(
  params: RequestParams,
  key: string,
  values: readonly string[],
): string | undefined {
  const text = params.text(key);
  if (text === undefined || values.includes(text)) return text;
  return refuse(`Illegal parameters, ${key} only supports [${values.join(', ')}]`);
}

export function clientBatch(params: RequestParams, usual: number): number {
  const batch = params.integer('max_client_batch_size') ?? usual;
  if (batch < 1 || batch > 4096)
    refuse(`[max_client_batch_size param's value: ${batch}] must be greater than 0; expected 1 to 4096`);
  return batch;
}
