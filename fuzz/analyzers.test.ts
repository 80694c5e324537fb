// Analyzers over arbitrary Unicode: scripts mixed, halves of pairs, marks without a letter, the same few characters 64 Ki times. None fails, tokens lie in
// the text and in order, and what is made of a text has a bound.
import { expect, it } from 'vitest';
import { nextBelow, type Random, seededRandom } from '#base/random.js';
import { provideTextPackages } from '#platform/node/node-text-packages.js';
import { analyzerOf } from '#text/analyzer-params.js';
import type { Token } from '#text/token.js';

const TEXTS = 8;
const LONG = 65_536;
const pinyin = {
  type: 'pinyin',
  keep_original: true,
  keep_full_pinyin: true,
  keep_separate_first_letter: true,
};
const words = [
  { type: 'synonym', synonyms: ['a, b, c', 'x => y'], expand: true },
  { type: 'decompounder', word_list: ['dampf', 'schiff', 'a', 'aa', 'b'] },
  { type: 'regex', expr: '(a+)+$|[a-z\\p{L}]+' },
  { type: 'stop', stop_words: ['_english_', '_german_', 'of'] },
];
const letters = ['lowercase', 'asciifolding', 'decimaldigit', 'arabic_normalization', 'alphanumonly'];
const byLanguage = {
  type: 'language_identifier',
  analyzers: { default: { type: 'standard' }, en: { type: 'english' }, th: { type: 'thai' } },
  mapping: { English: 'en', Thai: 'th' },
};
const analyzers: readonly object[] = [
  ...['standard', 'english', 'chinese', 'arabic', 'thai'].map((type) => ({ type })),
  { tokenizer: { type: 'standard', uax29: true } },
  {
    tokenizer: 'whitespace',
    filter: [...letters, { type: 'stemmer', language: 'german' }, { type: 'length', max: 40 }],
  },
  { tokenizer: 'icu', filter: ['removepunct', 'cnalphanumonly', pinyin] },
  { tokenizer: { type: 'jieba', mode: 'search' }, filter: ['cncharonly'] },
  { tokenizer: byLanguage },
  { tokenizer: 'standard', filter: ['lowercase', ...words] },
];

/** First and last code point of what stands in a text: ASCII, marks, scripts, halves of pairs, signs of forms, emoji, tags, rare characters. */
const blocks: readonly (readonly [number, number])[] = [
  [0x0, 0x7f],
  [0x80, 0x24f],
  [0x300, 0x36f],
  [0x370, 0x5ff],
  [0x600, 0x6ff],
  [0x900, 0xe7f],
  [0x1100, 0x11ff],
  [0x2000, 0x20ff],
  [0x3000, 0x30ff],
  [0x4e00, 0x9fff],
  [0xac00, 0xd7a3],
  [0xd800, 0xdfff],
  [0xfe00, 0xffff],
  [0x1f000, 0x1faff],
  [0xe0000, 0xe01ff],
  [0x20000, 0x2a6df],
];

function textOf(random: Random): string {
  const some = Array.from(
    { length: 1 + nextBelow(random, 4) },
    () => blocks[nextBelow(random, blocks.length)] ?? [0, 0],
  );
  const length = nextBelow(random, 6) === 0 ? LONG : nextBelow(random, 2000);
  // A few characters again and again, or ever new ones.
  const own = Math.min(length, nextBelow(random, 3) === 0 ? 1 + nextBelow(random, 6) : 4000);
  let unit = '';
  while (unit.length < own) {
    const [first, last] = some[nextBelow(random, some.length)] ?? [0, 0];
    unit += String.fromCodePoint(first + nextBelow(random, last - first + 1));
    if (nextBelow(random, 8) === 0) unit += ' ';
  }
  return unit.repeat(Math.ceil(length / Math.max(1, unit.length))).slice(0, length);
}

function expectInOrder(tokens: readonly Token[], length: number, what: string): void {
  let position = 0;
  let characters = 0;
  for (const token of tokens) {
    const isInside = token.begin >= 0 && token.begin <= token.end && token.end <= length;
    if (!isInside || token.position < position)
      expect.unreachable(`${what}: ${JSON.stringify(token)} of ${length}`);
    position = token.position;
    characters += token.text.length + 1;
  }
  expect(characters).toBeLessThanOrEqual(18 * length + 1_048_576);
}

it.each(analyzers.map((one) => JSON.stringify(one)))('%s takes any text', (params) => {
  provideTextPackages();
  const analyzer = analyzerOf(params);
  for (let seed = 1; seed <= TEXTS; seed++) {
    const text = textOf(seededRandom(seed));
    expectInOrder(analyzer.tokens(text), text.length, `seed ${seed}`);
  }
});
