// The shape of the sources: how large files, folders and functions are, and whether rooms inside a folder have an order. Pure, like
// layering.ts; reads formatted code, where the end of a block is in the column of its beginning.
import { importsOf, type Sources } from './layering.js';

const FOLDER_FILES_MAX = 20;
const FUNCTION_LINES_MAX = 70;

const isTest = (path: string): boolean => path.endsWith('.test.ts');
const isGenerated = (path: string): boolean => path.startsWith('proto/') || path.includes('/gen/');
const folderOf = (path: string): string => path.split('/').slice(0, -1).join('/');

/** Folders with more source files than one can look over. */
export function crowdedFolders(sources: Sources): string[] {
  const counts = new Map<string, number>();
  for (const path of sources.keys()) {
    if (isTest(path) || isGenerated(path)) continue;
    counts.set(folderOf(path), (counts.get(folderOf(path)) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > FOLDER_FILES_MAX)
    .map(
      ([folder, count]) => `${folder} has ${count} source files, at most ${FOLDER_FILES_MAX}: give it rooms`,
    );
}

const beginsFunction = (line: string): boolean =>
  /\bfunction\b|=> \{$|^\s*\)(?::.*)? \{$/.test(line) ||
  (/^\s+(?:(?:static|async|override|get|set) )*[#*]?\w+(?:<.*>)?\(.*\{$/.test(line) &&
    !/^\s*(?:if|for|while|switch|catch|return)\b/.test(line));

/** Functions with more lines than fit on a screen. */
export function longFunctions(path: string, text: string): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line, begin) => {
    if (!line.endsWith('{') || !beginsFunction(line)) return [];
    const indent = /^\s*/.exec(line)?.[0] ?? '';
    const end = lines.findIndex((other, at) => at > begin && other.startsWith(`${indent}}`));
    const count = end - begin + 1;
    return count > FUNCTION_LINES_MAX
      ? [`${path}: "${line.trim().slice(0, 60)}" has ${count} lines, at most ${FUNCTION_LINES_MAX}`]
      : [];
  });
}

/** Pairs of rooms of one top-level folder that reach each other, directly or through others, as `a ↔ b` in the order of letters. */
export function roomCircles(sources: Sources): string[] {
  const next = new Map<string, Set<string>>();
  for (const [path, text] of sources) {
    if (isTest(path) || isGenerated(path)) continue;
    for (const { target } of importsOf(path, text)) {
      if (target === undefined || target.split('/')[0] !== path.split('/')[0]) continue;
      const [from, to] = [folderOf(path), folderOf(target)];
      // What is in a folder itself joins its rooms, or is what they share: it is no room beside them.
      if (from === to || from.startsWith(`${to}/`) || to.startsWith(`${from}/`)) continue;
      if (!isGenerated(target)) next.set(from, (next.get(from) ?? new Set()).add(to));
    }
  }
  const reached = (from: string): Set<string> => {
    const seen = new Set<string>();
    const queue = [...(next.get(from) ?? [])];
    for (let room = queue.pop(); room !== undefined; room = queue.pop()) {
      if (seen.has(room)) continue;
      seen.add(room);
      queue.push(...(next.get(room) ?? []));
    }
    return seen;
  };
  const reach = new Map([...next.keys()].map((room) => [room, reached(room)]));
  return [...reach]
    .flatMap(([a, rooms]) =>
      [...rooms].filter((b) => a < b && reach.get(b)?.has(a)).map((b) => `${a} ↔ ${b}`),
    )
    .sort();
}

/** `private` of TypeScript is gone at run time; `#name` is not. */
export const softPrivates = (path: string, text: string): string[] =>
  text
    .split('\n')
    .filter((line) => /^\s+private\s(?!constructor\b)/.test(line))
    .map((line) => `${path}: ${line.trim()}`);
