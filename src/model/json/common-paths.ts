// The paths at which JSON texts most often have a value, for who wants to index them all and does not know which there are. Pure.

/** What is at a path: values of one type, or arrays with such elements. */
export interface CommonPath {
  readonly path: readonly string[];
  readonly type: 'bool' | 'double' | 'text';
  readonly isList: boolean;
}

/** Objects inside objects are looked into as deep as this. */
const DEPTH_MAX = 16;
/** Paths that are counted; texts with ever new keys must not fill the memory. */
const COUNTED_MAX = 4096;

/**
 * Those met most often first, at most so many; of equal ones in the order of their keys.
 * @param texts JSON; what is none counts nothing
 * @param prefix paths begin with it
 */
export function commonPaths(texts: Iterable<string>, prefix: readonly string[], most: number): CommonPath[] {
  const counts = new Map<string, { readonly found: CommonPath; count: number }>();
  const count = (found: CommonPath): void => {
    const key = JSON.stringify([found.path, found.type, found.isList]);
    const known = counts.get(key);
    if (known !== undefined) known.count++;
    else if (counts.size < COUNTED_MAX) counts.set(key, { found, count: 1 });
  };
  for (const text of texts) visit(valueAt(parsed(text), prefix), prefix, DEPTH_MAX, count);
  return [...counts]
    .sort(([a, one], [b, other]) => other.count - one.count || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([, { found }]) => found);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = Reflect.get(at, step);
  }
  return at;
}

function visit(
  value: unknown,
  path: readonly string[],
  depth: number,
  count: (found: CommonPath) => void,
): void {
  const type = typeOf(value);
  if (type !== undefined) count({ path, type, isList: false });
  else if (Array.isArray(value)) {
    for (const one of new Set(value.map(typeOf)))
      if (one !== undefined) count({ path, type: one, isList: true });
  } else if (typeof value === 'object' && value !== null && depth > 0) {
    for (const [key, inside] of Object.entries(value)) visit(inside, [...path, key], depth - 1, count);
  }
}

function typeOf(value: unknown): CommonPath['type'] | undefined {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'number':
      return 'double';
    case 'string':
      return 'text';
    default:
      return undefined;
  }
}
