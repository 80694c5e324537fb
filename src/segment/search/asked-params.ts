// What a search asks of an index: a message between roles, and by name for those who carry it out. In one process all searches of a plan
// of the proxy share one message, so it is read once.
import type { IndexSearchParams } from '#proto/elanus/roles.js';

export type AskedParams = Readonly<Record<string, number | string | boolean>>;

const NOTHING: AskedParams = {};
const known = new WeakMap<IndexSearchParams, AskedParams>();

/** Only what is asked: a message that came over the wire names the others, too. */
export function askedParams(message: IndexSearchParams | undefined): AskedParams {
  if (message === undefined) return NOTHING;
  const before = known.get(message);
  if (before !== undefined) return before;
  const params: Record<string, number | string | boolean> = {};
  for (const [name, value] of Object.entries(message)) if (value !== undefined) params[name] = value;
  known.set(message, params);
  return params;
}
