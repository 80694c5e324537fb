// What documents say of the tree, taken out of their text. Pure: texts and lists of files come in.

/** Cells of every table row, without the lines of dashes; code marks stay. */
export const rowsOf = (document: string): string[][] =>
  document
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[\s|:-]*$/.test(line))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split('|')
        .map((cell) => cell.trim()),
    );

export const codesIn = (cell: string): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');

/** The text below a heading, up to the next of its rank. */
export function section(document: string, heading: string): string {
  const [, rank = ''] = /^(#+) /.exec(heading) ?? [];
  const begin = document.indexOf(`\n${heading}\n`);
  if (begin < 0) return '';
  const rest = document.slice(begin + heading.length + 2);
  const end = rest.search(new RegExp(`^#{1,${rank.length}} `, 'm'));
  return end < 0 ? rest : rest.slice(0, end);
}

/** Files of a role that the first column of its README's table does not name once; a name ending in `/` stands for a room. */
export function unnamedFiles(readme: string, files: readonly string[]): string[] {
  const named = rowsOf(readme).flatMap(([first = '']) => codesIn(first));
  const covers = (name: string, file: string): boolean =>
    name === file || (name.endsWith('/') && file.startsWith(name));
  const wrong = files.flatMap((file) => {
    const count = named.filter((name) => covers(name, file)).length;
    return count === 1 ? [] : [`${file} is named ${count} times`];
  });
  const gone = named
    .filter((name) => /(\.ts|\/)$/.test(name) && !files.some((file) => covers(name, file)))
    .map((name) => `${name} is not there`);
  return [...wrong, ...gone];
}

/** Targets of links that are paths, resolved from the document's own folder. */
export function linkedPaths(path: string, document: string): string[] {
  const text = document.replace(/```[\s\S]*?```|`[^`\n]*`/g, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.split('#')[0] ?? '')
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
    .map((target) => new URL(target, `file:///${path}`).pathname.slice(1));
}
