import { describe, expect, test } from 'vitest';
import { type FragmentForm, fragmentsOf, mergedSpans, type Span } from './fragments.js';

const form: FragmentForm = { offset: 0, size: 100, count: 5, preTags: ['{'], postTags: ['}'] };

/** Every place of the words in the text. */
const spansOf = (text: string, ...words: string[]): Span[] =>
  mergedSpans(
    words.flatMap((word) =>
      [...text.matchAll(new RegExp(word, 'gu'))].map(({ index }) => ({
        begin: index,
        end: index + word.length,
      })),
    ),
  );
const marked = (text: string, words: readonly string[], more: Partial<FragmentForm> = {}): string[] => [
  ...fragmentsOf(text, spansOf(text, ...words), { ...form, ...more }),
];

describe('fragments', () => {
  const text =
    'Milvus supports full text search. Use BM25 for keyword relevance. Filters can narrow results.';

  test('begin with the first word, or so many characters before it', () => {
    expect(marked(text, ['BM25'])).toEqual(['{BM25} for keyword relevance. Filters can narrow results.']);
    expect(marked(text, ['BM25'], { offset: 4, size: 24, count: 1 })).toEqual(['Use {BM25} for keyword rel']);
    expect(marked(text, ['Milvus'], { offset: 20, size: 8 })).toEqual(['{Milvus} s']);
  });

  test('another one begins behind the end of the last, and the last word of each is whole', () => {
    expect(marked('a b c a b c', ['a'], { size: 2 })).toEqual(['{a} ', '{a} ']);
    expect(marked('aaaa bbbb cccc', ['aaaa', 'bbbb', 'cccc'], { size: 6 })).toEqual([
      '{aaaa} {bbbb}',
      '{cccc}',
    ]);
    expect(marked('a b c a b c a', ['a'], { size: 2, count: 2 })).toEqual(['{a} ', '{a} ']);
    expect(marked('a b', ['a'], { count: 0 })).toEqual([]);
    expect(marked('x y', ['a'])).toEqual([]);
  });

  test('tags come in turn, in each fragment from the first', () => {
    const tags = { preTags: ['<1>', '<2>'], postTags: ['</1>', '</2>', '</3>'] };
    expect(marked('a b a b a', ['a', 'b'], tags)).toEqual(['<1>a</1> <2>b</2> <1>a</3> <2>b</1> <1>a</2>']);
    expect(marked('a b a', ['a'], { ...tags, size: 1 })).toEqual(['<1>a</1>', '<1>a</1>']);
  });

  test('words that touch or overlap are marked as one, and pairs of code units are one character', () => {
    expect(marked('向量数据库', ['向量', '数据', '据库'])).toEqual(['{向量数据库}']);
    expect(marked('😀😀😀 a 😀😀😀', ['a'], { offset: 2, size: 5 })).toEqual(['😀 {a} 😀']);
    // Marks, joined emoji, tones of skin and flags stay whole at both ends.
    const [accented, family, wave, flags] = ['e\u0301', '👨\u200d👩\u200d👧', '👋🏽', '🇩🇪🇫🇷'];
    expect(marked(`x${accented} a ${accented}y`, ['a'], { offset: 2, size: 5 })).toEqual([
      `${accented} {a} ${accented}`,
    ]);
    expect(marked(`x${family} a ${family}y`, ['a'], { offset: 2, size: 5 })).toEqual([
      `${family} {a} ${family}`,
    ]);
    expect(marked(`x${wave} a ${wave}y`, ['a'], { offset: 2, size: 5 })).toEqual([`${wave} {a} ${wave}`]);
    expect(marked(`x${flags} a ${flags}y`, ['a'], { offset: 2, size: 5 })).toEqual(['🇫🇷 {a} 🇩🇪']);
  });

  test('a fragment is a part of the text when its tags are taken away', () => {
    let seed = 7;
    const next = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    for (let round = 0; round < 300; round++) {
      const letters = Array.from({ length: next(60) }, () => ['a', 'b', ' ', '😀', 'é'][next(5)]).join('');
      const more = { offset: next(8), size: 1 + next(12), count: next(4) };
      const fragments = marked(letters, ['a', '😀'], more);
      expect(fragments.length).toBeLessThanOrEqual(more.count);
      for (const fragment of fragments) {
        const plain = fragment.replaceAll(/[{}]/g, '');
        expect(letters).toContain(plain);
        expect([...plain].length).toBeLessThanOrEqual(more.size + more.offset + letters.length);
        expect(fragment).toMatch(/\{[^{}]+\}/u);
      }
    }
  });

  test('are made as they are asked for: each may be as long as the text', () => {
    const text = 'a '.repeat(500_000);
    const spans = Array.from({ length: 500_000 }, (_, at) => ({ begin: 2 * at, end: 2 * at + 1 }));
    const all = { offset: 1_000_000, size: 1, count: 1_000_000 };
    const fragments = fragmentsOf(text, spans, { ...form, ...all });
    expect(fragments.next().value).toBe('{a}');
    expect(fragments.next().value).toBe('a {a}');
  });
});
