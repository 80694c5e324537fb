import { describe, expect, it } from 'vitest';
import { hashOfWord, WordTable } from './word-table.js';

const inText = (word: string): readonly [string, number, number] => [`<${word}>`, 1, 1 + word.length];

describe('a table of words', () => {
  it('finds words by their characters, wherever they stand in a text', () => {
    const table = new WordTable<number>(5000);
    const words = Array.from({ length: 4000 }, (_, at) => `wört${at}😀`.slice(0, 3 + (at % 9)) + at);
    for (const [at, word] of words.entries()) table.add(word, hashOfWord(word), at);
    const found = words.filter((word, at) => table.find(...inText(word), hashOfWord(word)) === at);
    // A word that found no place is made again; that is rare.
    expect(found.length).toBeGreaterThan(3990);
    expect(table.find(...inText('other'), hashOfWord('other'))).toBeUndefined();
    expect(table.find(...inText('other'), hashOfWord(words[0] as string))).toBeUndefined();
  });

  it('gives up all words when they are too many, and keeps few of those that meet', () => {
    const table = new WordTable<number>(100);
    for (let at = 0; at < 101; at++) table.add(`a${at}`, hashOfWord(`a${at}`), at);
    expect(table.find(...inText('a5'), hashOfWord('a5'))).toBeUndefined();
    expect(table.find(...inText('a100'), hashOfWord('a100'))).toBe(100);
    const meeting = new WordTable<number>(65_536);
    for (let at = 0; at < 1000; at++) meeting.add(`b${at}`, 7, at);
    const found = Array.from({ length: 1000 }, (_, at) => meeting.find(...inText(`b${at}`), 7));
    expect(found.filter((made) => made !== undefined).length).toBeLessThan(32);
  });
});
