// `text_match` and `phrase_match` over columns: words by the analyzer of the field, how many of them, phrases and how far they may be moved.
import { describe, expect, it } from 'vitest';
import { checkFilter } from '#expr/filter.js';
import { provideTextPackages } from '#platform/node/node-text-packages.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { wordsMatcher } from './text/word-matchers.js';

provideTextPackages();

const enabled = [
  { key: 'enable_analyzer', value: 'true' },
  { key: 'enable_match', value: 'true' },
];
const schema = CollectionSchema.fromPartial({
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 101n, name: 'text', dataType: DataType.VarChar, nullable: true, typeParams: enabled },
    {
      fieldID: 102n,
      name: 'english',
      dataType: DataType.VarChar,
      typeParams: [...enabled, { key: 'analyzer_params', value: '{"type": "english"}' }],
    },
    {
      fieldID: 103n,
      name: 'synonyms',
      dataType: DataType.VarChar,
      typeParams: [
        ...enabled,
        {
          key: 'analyzer_params',
          value: '{"tokenizer": "standard", "filter": [{"type": "synonym", "synonyms": ["tv, television"]}]}',
        },
      ],
    },
  ],
});

function isIn(filter: string, text: string): boolean {
  const checked = checkFilter(schema, { text: filter, templates: {} });
  if (checked.kind !== 'predicate' || checked.predicate.kind !== 'words')
    throw new Error('expected a leaf of words');
  const { analyzer, words } = checked.predicate;
  const bytes = new TextEncoder().encode(`xx${text}yy`);
  return wordsMatcher(analyzer, words).test(bytes, 2, bytes.length - 2);
}

describe('text_match', () => {
  it.each<[string, string, boolean]>([
    ['text_match(text, "red blue")', 'a RED car', true],
    ['text_match(text, "red blue")', 'a reddish car', false],
    ['text_match(text, "red blue", minimum_should_match=2)', 'red red', false],
    ['text_match(text, "red blue", minimum_should_match=2)', 'blue, red', true],
    ['text_match(text, "red", minimum_should_match=2)', 'red red', false],
    ['text_match_fuzzy(text, "alergy", max_edit_distance=1)', 'an Allergy', true],
    ['text_match_fuzzy(text, "alergy", max_edit_distance=0)', 'an allergy', false],
    ['text_match_fuzzy(text, "alergy aple", MAX_EDIT_DISTANCE=1)', 'apples or pears', false],
    ['TEXT_MATCH_FUZZY(text, "alergy aple", max_edit_distance=2)', 'apples or pears', true],
    ['text_match(text, "!?")', 'red !?', false],
    ['text_match(text, "")', 'red', false],
    ['text_match(english, "running")', 'they run', true],
    ['text_match(english, "the")', 'the', false],
    ['text_match(synonyms, "tv")', 'a television', true],
  ])('%s in %j: %s', (filter, text, expected) => expect(isIn(filter, text)).toBe(expected));
});

describe('phrase_match', () => {
  it.each<[string, string, boolean]>([
    ['phrase_match(text, "machine learning")', 'about Machine-Learning today', true],
    ['phrase_match(text, "machine learning")', 'learning machine', false],
    ['phrase_match(text, "machine learning")', 'machine deep learning', false],
    ['phrase_match(text, "machine learning", 1)', 'machine deep learning', true],
    ['phrase_match(text, "machine learning", 1)', 'learning machine', false],
    ['phrase_match(text, "machine learning", 2)', 'learning machine', true],
    ['phrase_match(text, "a b c")', 'a b x a b c', true],
    ['phrase_match(text, "a b c", 1)', 'a x b x c', false],
    ['phrase_match(text, "a b c", 2)', 'a x b x c', true],
    ['phrase_match(text, "a a")', 'a', false],
    ['phrase_match(text, "a a", 5)', 'b a b', false],
    ['phrase_match(text, "a a")', 'b a a', true],
    ['phrase_match(text, "b a a", 1)', 'b b a', false],
    ['phrase_match(text, "b a a", 5)', 'b b a b', false],
    ['phrase_match(text, "b a a", 2)', 'a b a', true],
    ['phrase_match(text, "a b a", 1)', 'a b c a', true],
    ['phrase_match(synonyms, "tv television", 5)', 'a tv', false],
    ['phrase_match(synonyms, "tv television", 5)', 'a tv or television', true],
    ['phrase_match(text, "word")', 'one word', true],
    ['phrase_match(text, "")', 'one word', false],
    ['phrase_match(english, "dogs of war")', 'a dog of wars', true],
    ['phrase_match(english, "dogs of war")', 'a dog war', false],
    ['phrase_match(synonyms, "new tv")', 'a new television', true],
  ])('%s in %j: %s', (filter, text, expected) => expect(isIn(filter, text)).toBe(expected));
});

it('takes time linear in a text of one word', () => {
  const text = 'a '.repeat(100_000);
  expect(isIn('phrase_match(text, "a b")', text)).toBe(false);
  expect(isIn('phrase_match(text, "a a a a", 1000000)', text)).toBe(true);
});

it('a phrase of one word again and again is refused where the text is so, too, and found where it is not', () => {
  const phrase = `phrase_match(text, "${'a '.repeat(1000)}", 5)`;
  expect(() => isIn(phrase, 'a '.repeat(32_000))).toThrow(
    /more than 518144 places for its words in one text: the phrase has the word "a" 1000 times/,
  );
  expect(isIn(phrase, 'a b c '.repeat(80))).toBe(false);
  expect(isIn('phrase_match(text, "a a a a a a a a")', 'a '.repeat(32_000))).toBe(true);
});

it('a phrase of many equal words is made ready in a time linear in them', () => {
  expect(isIn(`phrase_match(text, "${'a '.repeat(16_384)}")`, 'b')).toBe(false);
});
