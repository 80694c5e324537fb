import { describe, expect, it } from 'vitest';
import { hashOfWord, WordTable } from './word-table.js';

/** What the table has for a word, which stands in a text. */
function foundIn<Made>(table: WordTable<Made>, word: string, hash = hashOfWord(word)): Made | undefined {
  const found = table.find(`<${word}>`, 1, 1 + word.length, hash);
  return found < 0 ? undefined : table.madeAt(found);
}

describe('a table of words', () => {
  it('finds words by their characters, wherever they stand in a text', () => {
    const table = new WordTable<number>(5000);
    const words = Array.from({ length: 4000 }, (_, at) => `wört${at}😀`.slice(0, 3 + (at % 9)) + at);
    for (const [at, word] of words.entries()) table.add(word, hashOfWord(word), at);
    const found = words.filter((word, at) => foundIn(table, word) === at);
    // A word that found no place is made again; that is rare.
    expect(found.length).toBeGreaterThan(3990);
    expect(foundIn(table, 'other')).toBeUndefined();
    expect(foundIn(table, 'other', hashOfWord(words[0] as string))).toBeUndefined();
  });

  it('distinguishes words that are short, that have a character of no width, and that meet in their hash', () => {
    const words = [
      '',
      'a',
      'a\0',
      '\0',
      '\0\0',
      'abcd',
      'abcde',
      'abcdefgh',
      'abcdefghi',
      'ä',
      'a\u0000bc',
      '\x7f',
      '\x80',
      'ab\u6100',
    ];
    const meeting = new WordTable<string>(100);
    for (const word of words) {
      expect(foundIn(meeting, word, 7)).toBeUndefined();
      meeting.add(word, 7, word);
    }
    expect(words.map((word) => foundIn(meeting, word, 7))).toEqual(words);
    const growing = new WordTable<string>(5000);
    for (const word of words) growing.add(word, hashOfWord(word), word);
    for (let at = 0; at < 3000; at++) growing.add(`more${at}`, hashOfWord(`more${at}`), 'more');
    expect(words.map((word) => foundIn(growing, word))).toEqual(words);
  });

  it('keeps the number of a word, or that it stands for nothing, beside what was made', () => {
    const table = new WordTable<string>(10);
    for (const [word, number] of [
      ['one', 4_294_967_294],
      ['stop', -1],
      ['two', undefined],
    ] as const)
      table.add(word, hashOfWord(word), word, number);
    const numberOf = (word: string) => table.numberAt(table.find(word, 0, word.length, hashOfWord(word)));
    expect([numberOf('one'), numberOf('stop'), numberOf('two')]).toEqual([4_294_967_294, -1, undefined]);
    expect(foundIn(table, 'stop')).toBe('stop');
  });

  it('gives up all words when they are too many, and keeps few of those that meet', () => {
    const table = new WordTable<number>(100);
    for (let at = 0; at < 101; at++) table.add(`a${at}`, hashOfWord(`a${at}`), at);
    expect(foundIn(table, 'a5')).toBeUndefined();
    expect(foundIn(table, 'a100')).toBe(100);
    const meeting = new WordTable<number>(65_536);
    for (let at = 0; at < 1000; at++) meeting.add(`b${at}`, 7, at);
    const found = Array.from({ length: 1000 }, (_, at) => foundIn(meeting, `b${at}`, 7));
    expect(found.filter((made) => made !== undefined).length).toBeLessThan(32);
  });
});
