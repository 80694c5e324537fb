// Files of words that the parameters of analyzers name: of dictionaries, stop words, synonyms. Their lines are written into the parameters when a
// schema is made, so that a file which changes later, or goes, changes no analysis of rows that are there.
import { invalid, kindOf, ParamsReader } from './params-reader.js';

/** What a parameter says of a file. */
export type WordFile =
  /** One that was made known to the server, and the name of the file in it. */
  | { readonly type: 'remote'; readonly resource: string; readonly file: string }
  /** One below the folder of objects. */
  | { readonly type: 'local'; readonly path: string };

/** The list that the lines of a file are added to, by the key that names the file. */
const lists: Readonly<Record<string, string>> = {
  stop_words_file: 'stop_words',
  word_list_file: 'word_list',
  synonyms_file: 'synonyms',
  extra_dict_file: 'dict',
};
const DEPTH_MAX = 16;
/** The words that a tokenizer has anyway, which a list of others would leave out. */
const DEFAULT_WORDS = '_default_';

/** Whether parameters may name a file; most do not. */
export const mayNameFiles = (text: string): boolean => Object.keys(lists).some((key) => text.includes(key));

/** The files that parameters name, each time they do. @throws invalid_parameter with the place */
export function namedFiles(value: unknown): readonly WordFile[] {
  const found: WordFile[] = [];
  withLines(value, (file) => {
    found.push(file);
    return [];
  });
  return found;
}

/** The parameters with the lines of their files in place of these. @throws invalid_parameter with the place */
export const withLines = (value: unknown, linesOf: (file: WordFile) => readonly string[]): unknown =>
  expanded(value, '', 0, linesOf);

function expanded(
  value: unknown,
  place: string,
  depth: number,
  linesOf: (file: WordFile) => readonly string[],
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) throw invalid(place, `is nested more than ${DEPTH_MAX} deep, expected less`);
  if (Array.isArray(value))
    return value.map((one: unknown, at) => expanded(one, `${place}[${at}]`, depth + 1, linesOf));
  const at = (key: string): string => (place === '' ? key : `${place}.${key}`);
  const result: Record<string, unknown> = {};
  const added = new Map<string, readonly string[]>();
  for (const [key, one] of Object.entries(value)) {
    const list = Object.hasOwn(lists, key) ? lists[key] : undefined;
    if (list === undefined) result[key] = expanded(one, at(key), depth + 1, linesOf);
    else added.set(list, linesOf(wordFile(one, at(key))));
  }
  for (const [list, lines] of added) result[list] = joined(result[list], lines, list, at(list));
  return result;
}

function joined(given: unknown, lines: readonly string[], list: string, place: string): unknown[] {
  if (given !== undefined && !Array.isArray(given))
    throw invalid(place, `is ${kindOf(given)}, expected a list of strings`);
  // A line of a dictionary has the word, and how frequent and what it is.
  if (list === 'dict')
    return [...(given ?? [DEFAULT_WORDS]), ...lines.map((line) => line.split(/\s+/, 1)[0] ?? line)];
  return [...(given ?? []), ...lines];
}

function wordFile(value: unknown, place: string): WordFile {
  const params = new ParamsReader(value, place);
  const type = params.oneOf('type', ['remote', 'local'], 'remote');
  if (type === 'local') {
    const path = params.text('path', '');
    if (path === '') params.refuse('path', 'of a local file must be set');
    params.finish();
    return { type, path };
  }
  const [resource, file] = [params.text('resource_name', ''), params.text('file_name', '')];
  if (resource === '') throw invalid(place, ': resource name of remote file must be set');
  if (file === '') throw invalid(place, ': file name of remote file must be set');
  params.finish();
  return { type, resource, file };
}

/** One entry a line, without what surrounds it; empty lines say nothing. */
export const linesOfText = (text: string): readonly string[] =>
  text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
