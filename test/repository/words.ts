// The words of comments and names. Pure: texts of files come in. Comments are taken out of a file by a reader that knows strings, so that a
// word in a message of the wire or in data is not looked at.

/** Words that are not the field's, each with what to say instead. */
const retired: readonly (readonly [RegExp, string])[] = [
  [/heed/i, 'use, uses, used'],
  [/\btold\b/i, 'reported, sent, asked, distinguished'],
  [/\btells?\b/i, 'reports, returns, shows, distinguishes'],
];
/** A comment whose first word leaves its subject out. */
const headless = /^\s*Of\b/;

/** What a comment begins with and ends with, and strings and patterns, in which no comment begins. */
const tokens =
  /\/\*[\s\S]*?\*\/|(?:^|(?<=[\s;{}(),]))\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/gm;

interface Comment {
  readonly line: number;
  readonly text: string;
}

/** Comments without their marks; lines of `//` that follow each other are one. */
export function commentsOf(text: string): Comment[] {
  const comments: (Comment & { readonly end: number })[] = [];
  let [line, from] = [1, 0];
  for (const match of text.matchAll(tokens)) {
    const [token] = match;
    if (!token.startsWith('/')) continue;
    line += text.slice(from, match.index).split('\n').length - 1;
    from = match.index;
    const isLine = token.startsWith('//');
    const own = isLine ? token.slice(2) : token.slice(2, -2).replaceAll(/^\s*\*+ ?/gm, '');
    const last = comments.at(-1);
    const between = last === undefined ? '' : text.slice(last.end, match.index);
    if (isLine && last !== undefined && /^\n\s*$/.test(between) && text[last.end - 1] !== '/')
      comments[comments.length - 1] = {
        ...last,
        text: `${last.text}\n${own}`,
        end: match.index + token.length,
      };
    else comments.push({ line, text: own, end: match.index + token.length });
  }
  return comments;
}

/** Names as their parts: `heedingAll` has the word `heeding`, `toldWhenDone` has `told`; strings and comments are not in it. */
function namesOf(text: string): string[] {
  const code = text.replaceAll(tokens, (token) => token.replaceAll(/[^\n]/g, ' '));
  return code.match(/[\p{L}$_][\p{L}\p{N}$_]*/gu) ?? [];
}

const words = (name: string): string =>
  name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, ' ').replaceAll(/[_$]/g, ' ');

/** Titles of tests are read like comments. */
const titlesOf = (text: string): string[] =>
  [...text.matchAll(/\b(?:it|test|describe)(?:\.\w+)*(?:\([^()]*\))?\(\s*(['"`])([^\n]*?)\1,/g)].map(
    ([, , title = '']) => title,
  );

const wordsFound = (where: string, said: string): string[] =>
  retired.flatMap(([word, instead]) => {
    const [hit] = word.exec(said) ?? [];
    return hit === undefined ? [] : [`${where}: "${hit}"; say ${instead}`];
  });

/** For texts that are prose as a whole, line by line. */
export const retiredInText = (path: string, text: string): string[] =>
  text.split('\n').flatMap((line, at) => wordsFound(`${path}:${at + 1}`, line));

export function retiredWords(path: string, text: string): string[] {
  const found = wordsFound(path, words(path.split('/').at(-1) ?? '').replaceAll('-', ' '));
  for (const { line, text: said } of commentsOf(text)) {
    found.push(...wordsFound(`${path}:${line}`, said));
    if (headless.test(said)) found.push(`${path}:${line}: begins with "Of"; name what it is about`);
  }
  for (const name of new Set(namesOf(text))) found.push(...wordsFound(`${path} name ${name}`, words(name)));
  for (const title of titlesOf(text)) found.push(...wordsFound(`${path} test "${title}"`, title));
  return found;
}
