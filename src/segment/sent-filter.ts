// Filters between roles. A filter travels as its text, and every node reads it against the schema that it serves. Within a process the
// message is the same object for all roles, so what one of them read is known to the next by the message and gone with it.
//
// A long text would hold up everybody: it is read on a worker thread, before it is asked for.
import { ElanusError } from '#base/errors.js';
import { type FilterSource, readFilter } from '#expr/filter.js';
import { type HandedFilter, takeFilter } from '#expr/handed-filter.js';
import type { CheckedFilter, PredicateFilter } from '#expr/typed.js';
import type { Workers } from '#platform/workers.js';
import type { TextFilter } from '#proto/elanus/roles.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';

/** Characters, and bytes of template values, that are read on the calling thread, in some 20 ms at most. */
export const READ_HERE_MAX = 128 * 1024;

interface ReadFilter {
  readonly schema: CollectionSchema;
  readonly filter: CheckedFilter;
}

const readBefore = new WeakMap<TextFilter, ReadFilter>();

/** The filter on a worker thread where it is long, else here and at once. @throws invalid_parameter, unsupported, cancelled */
export function readAnyFilter(
  workers: Workers,
  schema: CollectionSchema,
  source: FilterSource,
  signal?: AbortSignal,
): CheckedFilter | Promise<CheckedFilter> {
  return isLong(source) ? readLongFilter(workers, schema, source, signal) : readFilter(schema, source);
}

async function readLongFilter(
  workers: Workers,
  schema: CollectionSchema,
  source: FilterSource,
  signal: AbortSignal | undefined,
): Promise<CheckedFilter> {
  return takeFilter(await workers.run<HandedFilter>('checkLongFilter', { schema, source }, [], signal));
}

/** The message of a filter that has been read: whoever gets it in this process need not read it again. */
export function filterMessage(
  { text, templates = {}, zone = '' }: FilterSource,
  schema: CollectionSchema,
  filter: CheckedFilter,
): TextFilter {
  const message: TextFilter = { text, templates: { ...templates }, zone };
  readBefore.set(message, { schema, filter });
  return message;
}

/** To be awaited before `sentPredicate` is called about a message, which may have come from another process. Undefined: nothing to wait for. */
export function readSent(
  workers: Workers,
  sent: TextFilter | undefined,
  schema: CollectionSchema,
  signal?: AbortSignal,
): Promise<void> | undefined {
  if (sent === undefined) return undefined;
  const source = sourceOf(sent);
  if (!isLong(source) || readBefore.get(sent)?.schema === schema) return undefined;
  return readLongFilter(workers, schema, source, signal).then((filter) => {
    readBefore.set(sent, { schema, filter });
  });
}

/** Undefined where none was sent. The same text gives the same object again. @throws invalid_parameter */
export function sentPredicate(
  sent: TextFilter | undefined,
  schema: CollectionSchema,
): PredicateFilter | undefined {
  if (sent === undefined) return undefined;
  const before = readBefore.get(sent);
  const filter = before?.schema === schema ? before.filter : readFilter(schema, sourceOf(sent));
  if (filter.kind === 'predicate') return filter;
  throw new ElanusError(
    'internal',
    'a filter of keys was sent as text, expected a list of keys; check the version of the peer',
  );
}

const sourceOf = ({ text, templates, zone }: TextFilter): FilterSource => ({
  text,
  templates,
  ...(zone !== '' && { zone }),
});

/** How many characters a regular expression, and a list or a path, stand for: one becomes a program, the other a table. */
const REGEX_CHARACTERS = 1024;
const LIST_CHARACTERS = 128;

function isLong({ text, templates = {} }: FilterSource): boolean {
  let length = text.length + countOf(text, '~') * REGEX_CHARACTERS + countOf(text, '[') * LIST_CHARACTERS;
  for (const { val } of Object.values(templates)) {
    if (val?.$case !== 'arrayVal' || val.value.data === undefined) continue;
    const { value } = val.value.data;
    length += value instanceof Uint8Array ? value.length : lengthOf(value.data);
  }
  return length > READ_HERE_MAX;
}

function countOf(text: string, sign: string): number {
  let count = 0;
  for (let at = text.indexOf(sign); at >= 0; at = text.indexOf(sign, at + 1)) count++;
  return count;
}

/** Packed numbers, as texts above, say how many bytes they are; of lists of values each counts as some. */
const lengthOf = (data: Uint8Array | readonly unknown[]): number =>
  data instanceof Uint8Array ? data.length : data.length * 8;
