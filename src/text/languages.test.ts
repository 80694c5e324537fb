// Ten languages: long texts have the words of their parts, as words and as numbers, stop words alone are nothing, and no text of them takes long.
import { describe, expect, it } from 'vitest';
import { provideTextPackages } from '#platform/node/node-text-packages.js';
import { analyzerOf } from './analyzer-params.js';

provideTextPackages();

const LENGTH = 65_536;

interface Language {
  readonly tokenizer: 'standard' | 'icu' | 'thai';
  /** Ends with a sign, so that sentences behind one another share no word. */
  readonly sentence: string;
  readonly words: number;
  readonly stopWords: readonly string[];
  readonly stop: string;
  readonly stemmer?: string;
}

const languages: Readonly<Record<string, Language>> = {
  English: {
    tokenizer: 'standard',
    sentence: 'The dogs were running in the Park. ',
    words: 3,
    stopWords: ['_english_', 'were'],
    stop: 'The and of to ',
    stemmer: 'english',
  },
  German: {
    tokenizer: 'standard',
    sentence: 'Die Häuser und die Gärten sind größer. ',
    words: 3,
    stopWords: ['_german_'],
    stop: 'Die und der ist nicht ',
    stemmer: 'german',
  },
  French: {
    tokenizer: 'standard',
    sentence: "L'été, les élèves étaient à l'école. ",
    words: 2,
    stopWords: ['_french_', 'l', 'étaient'],
    stop: 'Les de et dans ',
    stemmer: 'french',
  },
  Russian: {
    tokenizer: 'standard',
    sentence: 'Мы читаем книги и слушаем музыку. ',
    words: 4,
    stopWords: ['_russian_', 'мы'],
    stop: 'И не на что ',
    stemmer: 'russian',
  },
  Chinese: { tokenizer: 'icu', sentence: '我来到北京的大学。', words: 4, stopWords: ['的'], stop: '的。' },
  Japanese: { tokenizer: 'icu', sentence: '東京の夜は静かです。', words: 5, stopWords: ['の'], stop: 'の。' },
  Korean: {
    tokenizer: 'standard',
    sentence: '서울의 밤은 조용하다 그리고. ',
    words: 3,
    stopWords: ['그리고'],
    stop: '그리고 ',
  },
  Arabic: {
    tokenizer: 'standard',
    sentence: 'ذهب الطالب إلى المدرسة. ',
    words: 3,
    stopWords: ['_arabic_'],
    stop: 'في من على ',
  },
  Thai: { tokenizer: 'thai', sentence: 'ภาษาไทยและอังกฤษ. ', words: 3, stopWords: ['_thai_'], stop: 'และ ' },
  Hindi: {
    tokenizer: 'standard',
    sentence: 'यह किताब और वह कलम है। ',
    words: 2,
    stopWords: ['यह', 'और', 'वह', 'है'],
    stop: 'यह और है ',
  },
};

describe.each(Object.entries(languages))('%s', (_, language) => {
  const { tokenizer, sentence, stopWords, stop, stemmer } = language;
  const analyzer = analyzerOf(
    JSON.stringify({
      tokenizer,
      filter: [
        'lowercase',
        'removepunct',
        { type: 'stop', stop_words: stopWords },
        ...(stemmer === undefined ? [] : [{ type: 'stemmer', language: stemmer }]),
      ],
    }),
  );
  const repeated = (text: string): string => text.repeat(Math.ceil(LENGTH / text.length));
  const hashesOf = (text: string): number[] => {
    const hashes: number[] = [];
    analyzer.hashes(text, (hash) => hashes.push(hash));
    return hashes;
  };

  it('has in a text of 64 KiB the words of its sentences', () => {
    const once = analyzer.tokens(sentence).map(({ text }) => text);
    expect(once).toHaveLength(language.words);
    const text = repeated(sentence);
    const times = text.length / sentence.length;
    expect(analyzer.tokens(text).map((token) => token.text)).toEqual(
      Array.from({ length: times }, () => once).flat(),
    );
    const numbers = hashesOf(sentence);
    expect(hashesOf(text)).toEqual(Array.from({ length: times }, () => numbers).flat());
  });

  it('has nothing in 64 KiB of stop words, in an empty text and in signs', () => {
    for (const text of [repeated(stop), '', repeated(' .,;—。「」… ')]) {
      expect(analyzer.tokens(text)).toEqual([]);
      expect(hashesOf(text)).toEqual([]);
    }
  });

  it('goes through one word of 64 KiB, and through marks, joiners, pictures and turns of direction', () => {
    const [letter = ''] = sentence;
    const attacks = [letter, `${letter}\u0301\u200d`, `\u202e${letter}\u202c👩‍👩‍👧`];
    for (const attack of attacks) {
      const text = repeated(attack);
      const found = analyzer.tokens(text);
      expect(hashesOf(text)).toHaveLength(found.length);
      expect(found.reduce((sum, token) => sum + token.end - token.begin, 0)).toBeLessThanOrEqual(text.length);
    }
  });
});
