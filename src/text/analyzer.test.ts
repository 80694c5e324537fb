// Analyzers: what each tokenizer and filter makes of texts of many languages, what is refused and where, and that no text breaks them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { provideTextPackages } from '#platform/node/node-text-packages.js';
import { analyzerOf } from './analyzer-params.js';
import { termHash } from './term-hash.js';
import { setTextPackages } from './text-packages.js';
import { Utf8Offsets } from './utf8-offsets.js';

provideTextPackages();

const words = (params: object | string, text: string): string[] =>
  analyzerOf(typeof params === 'string' ? params : JSON.stringify(params))
    .tokens(text)
    .map((token) => token.text);
const only = (filter: unknown, text: string): string[] =>
  words({ tokenizer: 'whitespace', filter: [filter] }, text);

describe('built-in analyzers', () => {
  it('standard: words in small letters, none longer than 40 characters', () => {
    expect(words('', 'Would you like to eat an apple?')).toEqual([
      'would',
      'you',
      'like',
      'to',
      'eat',
      'an',
      'apple',
    ]);
    expect(words({}, `${'x'.repeat(40)} ${'y'.repeat(41)} can't e-mail 3.14`)).toEqual([
      'x'.repeat(40),
      'can',
      't',
      'e',
      'mail',
      '3',
      '14',
    ]);
    expect(words({ type: 'standard', stop_words: ['_english_', 'apple'] }, 'An apple of gold')).toEqual([
      'gold',
    ]);
  });

  it('english: stems, without the words that say nothing', () => {
    expect(words({ type: 'english' }, 'The generalizations of running dogs')).toEqual([
      'general',
      'run',
      'dog',
    ]);
  });

  it('chinese, arabic, thai', () => {
    expect(words({ type: 'chinese' }, '我来到北京清华大学, milvus 2024!')).toEqual(
      expect.arrayContaining(['北京', '清华大学', '清华', '大学', 'milvus', '2024']),
    );
    expect(words({ type: 'arabic' }, 'المَدْرَسَةُ فِي ١٢٣')).toContain('123');
    expect(words({ type: 'thai' }, 'ภาษาไทยเป็นภาษา')).toEqual(expect.arrayContaining(['ภาษา', 'ไทย']));
    expect(words({ type: 'thai' }, 'ภาษาไทยเป็นภาษา')).not.toContain('เป็น');
  });
});

describe('languages', () => {
  it.each([
    ['German', 'Die Straße überquert', ['die', 'straße', 'überquert']],
    ['French', "L'été, c'est déjà fini", ['l', 'été', 'c', 'est', 'déjà', 'fini']],
    ['Russian', 'Привет, мир', ['привет', 'мир']],
    ['Korean', '한국어 문장입니다', ['한국어', '문장입니다']],
    ['Hindi', 'हिन्दी में पाठ', ['हिन्दी', 'में', 'पाठ']],
    ['Arabic', 'مرحبا بالعالم', ['مرحبا', 'بالعالم']],
    ['a letter and its mark', 'cafe\u0301', ['cafe\u0301']],
    ['mixed scripts', 'abc中文def', ['abc中文def']],
    ['signs only', '?! … ❤️', []],
    ['nothing', '', []],
  ])('standard: %s', (_, text, expected) => {
    expect(words({}, text)).toEqual(expected);
  });

  it('uax29: each character of Chinese, words with an apostrophe, numbers, pictures', () => {
    const uax29 = { tokenizer: { type: 'standard', uax29: true } };
    expect(words(uax29, "O'Reilly can't 32.3 中文 👩‍🔬 🇨🇳")).toEqual(
      expect.arrayContaining(["O'Reilly", "can't", '32.3', '👩‍🔬', '🇨🇳']),
    );
    const short = { tokenizer: { type: 'standard', uax29: true, max_token_length: 5 } };
    expect(words(short, 'jumped 👩‍🔬')).toEqual(['jumpe', 'd', '👩‍🔬']);
  });

  it('icu keeps signs, which removepunct drops', () => {
    expect(words({ tokenizer: 'icu' }, 'Привет! Как дела?')).toEqual([
      'Привет',
      '!',
      ' ',
      'Как',
      ' ',
      'дела',
      '?',
    ]);
    expect(words({ tokenizer: 'icu', filter: ['removepunct'] }, 'Привет! Как дела? 😀')).toEqual([
      'Привет',
      'Как',
      'дела',
      '😀',
    ]);
    expect(words({ tokenizer: 'icu', filter: ['removepunct'] }, '東京に住んでいます').length).toBeGreaterThan(
      3,
    );
  });

  it('language_identifier chooses by the text', () => {
    const params = {
      tokenizer: {
        type: 'language_identifier',
        analyzers: {
          default: {},
          en: { type: 'english' },
          cn: { type: 'chinese' },
          Russian: { tokenizer: 'whitespace' },
        },
        mapping: { English: 'en', cmn: 'cn' },
      },
    };
    expect(words(params, 'the running of the dogs')).toEqual(['run', 'dog']);
    expect(words(params, '我来到北京')).toContain('北京');
    expect(words(params, 'это, мир')).toEqual(['это,', 'мир']);
    expect(words(params, 'der Hund und die Katze')).toEqual(['der', 'hund', 'und', 'die', 'katze']);
  });

  it('jieba: words inside words are ordered by their place, and positions are characters', () => {
    const tokens = analyzerOf('{"tokenizer": "jieba"}').tokens('清华大学在北京');
    expect(tokens.map(({ text, position }) => [text, position])).toEqual([
      ['清华', 0],
      ['清华大学', 0],
      ['华大', 1],
      ['大学', 2],
      ['在', 4],
      ['北京', 5],
    ]);
    expect(words({ tokenizer: { type: 'jieba', mode: 'exact' } }, '清华大学')).toEqual(['清华大学']);
    expect(
      words(
        { tokenizer: { type: 'jieba', dict: ['结巴分词器'], hmm: false, mode: 'exact' } },
        '结巴分词器中',
      ),
    ).toEqual(['结巴分词器', '中']);
  });
});

describe('filters', () => {
  it.each<[string, unknown, string, string[]]>([
    ['lowercase', 'lowercase', 'ÄPFEL Ab', ['äpfel', 'ab']],
    [
      'asciifolding',
      'asciifolding',
      'Straße Œuvre łódź ﬁn 日本',
      ['Strasse', 'OEuvre', 'lodz', 'fin', '日本'],
    ],
    ['alphanumonly', 'alphanumonly', 'a1 b-2 é', ['a1']],
    ['cnalphanumonly', 'cnalphanumonly', '中a1 中! é', ['中a1']],
    ['cncharonly', 'cncharonly', '中文 中a', ['中文']],
    ['arabic_normalization', 'arabic_normalization', 'أَحْمَد مدرسة على', ['احمد', 'مدرسه', 'علي']],
    ['decimaldigit', 'decimaldigit', '١٢٣ ४५ 𝟘𝟗 a7', ['123', '45', '09', 'a7']],
    ['length', { type: 'length', max: 3 }, 'abc abcd 😀😀😀', ['abc', '😀😀😀']],
    ['stop', { type: 'stop', stop_words: ['_german_', 'hund'] }, 'der hund bellt', ['bellt']],
    ['stemmer', { type: 'stemmer', language: 'german' }, 'häuser laufen', ['haus', 'lauf']],
    [
      'decompounder',
      { type: 'decompounder', word_list: ['dampf', 'schiff', 'fahrt'] },
      'dampfschifffahrt dampfer',
      ['dampf', 'schiff', 'fahrt', 'dampfer'],
    ],
    ['regex', { type: 'regex', expr: '^a+$' }, 'aaa ab', ['aaa']],
    ['removepunct', 'removepunct', 'a ... b —', ['a', 'b']],
    [
      'synonym',
      { type: 'synonym', synonyms: ['tv, television', 'usa => america, states'] },
      'tv usa x',
      ['tv', 'television', 'america', 'states', 'x'],
    ],
    [
      'synonym without expand',
      { type: 'synonym', synonyms: ['tv, television'], expand: false },
      'television',
      ['tv'],
    ],
    [
      'pinyin',
      {
        type: 'pinyin',
        keep_original: false,
        keep_joined_full_pinyin: true,
        keep_separate_first_letter: true,
      },
      '中文',
      ['zhong', 'wen', 'zhongwen', 'zw'],
    ],
  ])('%s', (_, filter, text, expected) => {
    expect(only(filter, text)).toEqual(expected);
  });

  it('words that are dropped leave a gap, words that are added share a place', () => {
    const params = {
      tokenizer: 'whitespace',
      filter: [
        { type: 'stop', stop_words: ['b'] },
        { type: 'synonym', synonyms: ['c, d'] },
      ],
    };
    expect(analyzerOf(JSON.stringify(params)).tokens('a b c')).toEqual([
      { text: 'a', begin: 0, end: 1, position: 0 },
      { text: 'c', begin: 4, end: 5, position: 2 },
      { text: 'd', begin: 4, end: 5, position: 2 },
    ]);
  });
});

describe('what is refused', () => {
  it.each<[object | string, string]>([
    ['{', 'is no JSON'],
    [{ type: 'klingon' }, 'type : unsupported analyzer type: klingon'],
    [{ type: 'standard', filter: [] }, 'type stands beside tokenizer or filter'],
    [{ tokenizer: 'nope' }, 'tokenizer : unsupported tokenizer: nope'],
    [
      { tokenizer: 'standard', filter: ['lowercase', 'constructor'] },
      'filter[1] : unsupported filter type: constructor',
    ],
    [{ tokenizer: 'standard', filter: [{ type: 'length' }] }, 'filter[0].max'],
    [
      { tokenizer: 'standard', filter: [{ type: 'stop', stop_words: ['a', '_elvish_'] }] },
      'filter[0].stop_words[1] is "_elvish_"',
    ],
    [
      { tokenizer: 'standard', filter: [{ type: 'stemmer', language: 'latin' }] },
      'filter[0].language : unsupported language: latin',
    ],
    [
      { tokenizer: 'standard', filter: [{ type: 'regex', expr: '(' }] },
      'filter[0].expr : the expression is not valid',
    ],
    [{ tokenizer: 'standard', filter: [{ type: 'synonym', synonyms: ['=>'] }] }, 'filter[0].synonyms[0]'],
    [{ tokenizer: 'standard', filter: [{ type: 'decompounder' }] }, 'filter[0].word_list is missing'],
    [{ tokenizer: 'standard', filters: [] }, 'filters is not known'],
    [{ tokenizer: { type: 'standard', uax29: 1 } }, 'tokenizer.uax29 is a number'],
    [{ tokenizer: { type: 'jieba', mode: 'fast' } }, 'tokenizer.mode is "fast"'],
    [{ tokenizer: { type: 'language_identifier', analyzers: {} } }, 'tokenizer.analyzers.default is missing'],
    [
      { tokenizer: { type: 'language_identifier', analyzers: { default: { type: 'x' } } } },
      'tokenizer.analyzers.default.type',
    ],
    [[], 'expected an object'],
  ])('%j', (params, text) => {
    expect(() => words(params, '')).toThrowError(
      expect.objectContaining({ key: 'invalid_parameter', message: expect.stringContaining(text) }),
    );
  });

  it('what is not built, or not installed, says so', () => {
    expect(() => words({ tokenizer: 'standard', char_filter: [] }, 'x')).toThrowError(
      expect.objectContaining({ key: 'unsupported' }),
    );
    expect(() => words({ tokenizer: { type: 'lindera', dict_kind: 'ko-dic' } }, 'x')).toThrowError(
      /npm install lindera-wasm-ko-dic/,
    );
    setTextPackages(() => {
      throw new Error('none');
    });
    expect(() => words({ tokenizer: { type: 'jieba', dict: ['新的'] } }, 'x')).toThrowError(
      /npm install @node-rs\/jieba/,
    );
    provideTextPackages();
  });
});

describe('any text', () => {
  const all = [
    {},
    { type: 'english' },
    { type: 'chinese' },
    { type: 'thai' },
    { type: 'arabic' },
    { tokenizer: 'icu' },
    {
      tokenizer: 'whitespace',
      filter: ['asciifolding', 'decimaldigit', { type: 'pinyin' }, { type: 'stemmer', language: 'turkish' }],
    },
    { tokenizer: { type: 'standard', uax29: true } },
    { tokenizer: { type: 'language_identifier', analyzers: { default: {}, Mandarin: { type: 'chinese' } } } },
  ].map((params) => analyzerOf(JSON.stringify(params)));

  const unit = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 })
      .map((codes) => String.fromCharCode(...codes)),
    fc.constantFrom(
      '👩‍👩‍👧',
      'مرحبا',
      '中文测试',
      'ไทย',
      'हिन्दी',
      '\u202eabc',
      '\ud800',
      '\udc00',
      'İ',
      'ß',
      '\0',
    ),
  );

  it('has tokens inside it, in ascending order, however it is made', () => {
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 8 }), (units) => {
        const text = units.join('');
        const offsets = new Utf8Offsets(text);
        expect(offsets.of(text.length)).toBe(new TextEncoder().encode(text).length);
        for (const analyzer of all) {
          let begin = 0;
          for (const token of analyzer.tokens(text)) {
            expect(token.begin).toBeGreaterThanOrEqual(begin);
            expect(token.end).toBeGreaterThan(token.begin);
            expect(token.end).toBeLessThanOrEqual(text.length);
            begin = token.begin;
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    'a'.repeat(65_536),
    '中'.repeat(65_536),
    'ก'.repeat(65_536),
    '\u0301'.repeat(65_536),
    'a.'.repeat(32_768),
    '👩‍👩‍👧'.repeat(8192),
  ])(
    'of 64 KiB is no hang',
    (text) => {
      for (const analyzer of all) analyzer.tokens(text);
    },
    20_000,
  );

  it('long texts have the words of their parts', () => {
    const sentence = 'Supercalifragilistic 東京 words, here. ';
    const expected = analyzerOf('{"tokenizer": "icu", "filter": ["removepunct"]}').tokens(sentence).length;
    const many = analyzerOf('{"tokenizer": "icu", "filter": ["removepunct"]}').tokens(
      sentence.repeat(1000),
    ).length;
    expect(many).toBe(expected * 1000);
  });
});

describe('filters that add words', () => {
  const synonyms = { type: 'synonym', synonyms: ['a, b, c, d'] };
  const times = (count: number): string =>
    JSON.stringify({ tokenizer: 'whitespace', filter: Array.from({ length: count }, () => synonyms) });
  const refusal = /add more than 1048592 characters to a text of 1;.*fewer synonyms/;

  it('may not multiply one another without end', () => {
    expect(words(times(3), 'a')).toHaveLength(64);
    expect(() => words(times(20), 'a')).toThrow(refusal);
    expect(() => analyzerOf(times(20)).terms('a', () => {})).toThrow(refusal);
  });

  it('have room by the length of a text, whether or not its words are known already', () => {
    const analyzer = analyzerOf(times(7));
    const visited = (text: string): number => {
      let count = 0;
      analyzer.terms(text, () => count++);
      return count;
    };
    expect(visited('a')).toBe(16_384);
    expect(() => visited('a '.repeat(100))).toThrow(/add more than 1051776 characters to a text of 200;/);
    expect(visited('a'.padEnd(500))).toBe(16_384);
    expect(visited('a b')).toBe(32_768);
  });

  it('may make many words of one', () => {
    const lines = Array.from(
      { length: 1000 },
      (_, line) => `a => ${Array.from({ length: 200 }, (_word, at) => (line * 200 + at).toString(36))}`,
    );
    expect(only({ type: 'synonym', synonyms: lines }, 'a')).toHaveLength(200_000);
    expect(only({ type: 'pinyin' }, '我'.repeat(200_000))).toHaveLength(200_001);
  });
});

it('hashes are 32 bits, and never the one that no sparse vector takes', () => {
  expect(termHash('apple')).toBe(2838417488);
  expect(termHash('')).toBe(0);
});
