// Files of words in the parameters of analyzers.
import { describe, expect, it } from 'vitest';
import { analyzerOf } from './analyzer-params.js';
import { linesOfText, mayNameFiles, namedFiles, type WordFile, withLines } from './word-files.js';

const remote = (name: string) => ({ type: 'remote', resource_name: name, file_name: `${name}.txt` });
const lines: Readonly<Record<string, readonly string[]>> = {
  stop: ['the', 'a'],
  same: ['car, auto', 'tv => television'],
  parts: ['hand', 'schuh'],
};
const linesOf = (file: WordFile): readonly string[] =>
  file.type === 'remote' ? (lines[file.resource] ?? []) : ['local'];
const wordsOf = (params: unknown, text: string): string[] => {
  const words: string[] = [];
  analyzerOf(JSON.stringify(withLines(params, linesOf))).words(text, (word) => words.push(word));
  return words;
};

describe('files of words', () => {
  it('stand for the lists that they are added to', () => {
    const filter = [
      'lowercase',
      { type: 'stop', stop_words: ['of'], stop_words_file: remote('stop') },
      { type: 'synonym', synonyms_file: remote('same'), expand: false },
      { type: 'decompounder', word_list_file: remote('parts') },
    ];
    const params = { tokenizer: 'standard', filter };
    expect(wordsOf(params, 'The tv of a Handschuh')).toEqual(['television', 'hand', 'schuh']);
    expect(wordsOf({ type: 'standard', stop_words_file: remote('stop') }, 'the a word')).toEqual(['word']);
    expect(namedFiles(params).map((file) => file.type === 'remote' && file.resource)).toEqual([
      'stop',
      'same',
      'parts',
    ]);
    expect(
      withLines({ tokenizer: { type: 'jieba', extra_dict_file: { type: 'local', path: 'x' } } }, () => [
        '云 5 n',
      ]),
    ).toEqual({
      tokenizer: { type: 'jieba', dict: ['_default_', '云'] },
    });
  });

  it.each<[object, RegExp]>([
    [{ type: 'resource' }, /stop_words_file\.type .*expected one of remote, local/],
    [{ type: 'remote', name: 'x', file: 'y' }, /resource name of remote file must be set/],
    [{ type: 'remote', resource_name: 'x' }, /file name of remote file must be set/],
    [{ type: 'local' }, /path of a local file must be set/],
    [{ ...remote('stop'), more: 1 }, /more is not known/],
  ])('%j is refused with its place', (file, reason) => {
    expect(() => namedFiles({ filter: [{ type: 'stop', stop_words_file: file }] })).toThrowError(reason);
  });

  it('have an entry a line, whatever ends it', () => {
    expect(linesOfText('\ufeffa\r\n  b c \n\n\rd')).toEqual(['a', 'b c', 'd']);
    expect([mayNameFiles('{"type":"standard"}'), mayNameFiles('{"synonyms_file":1}')]).toEqual([false, true]);
  });
});
