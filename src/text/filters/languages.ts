// Filters that know languages: stems of words, and lists of words that say nothing. Both come from packages of the product.
import { callMember, memberOf, textPackage } from '#text/text-packages.js';
import type { TokenFilter } from '#text/token.js';

export const stemmerLanguages = [
  'arabic',
  'armenian',
  'basque',
  'catalan',
  'czech',
  'danish',
  'dutch',
  'english',
  'finnish',
  'french',
  'german',
  'hungarian',
  'irish',
  'italian',
  'norwegian',
  'portuguese',
  'romanian',
  'russian',
  'slovene',
  'spanish',
  'swedish',
  'tamil',
  'turkish',
] as const;

export const isStemmerLanguage = (name: string): name is (typeof stemmerLanguages)[number] =>
  (stemmerLanguages as readonly string[]).includes(name);

/** Longer words are no words of a language; some stemmers are not linear in the length of a word. */
const STEMMED_LENGTH_MAX = 255;

/** Stems by the algorithms of Snowball. Answers are kept by the analyzer. */
export function stemmer(language: (typeof stemmerLanguages)[number]): TokenFilter {
  const made = callMember(textPackage('snowball-stemmers', 'the filter stemmer'), 'newStemmer', language);
  return (word) => {
    if (word.length > STEMMED_LENGTH_MAX) return word;
    const stem = callMember(made, 'stem', word);
    return typeof stem === 'string' && stem !== '' ? stem : word;
  };
}

/** The list that search engines have had for English since Lucene. */
const english =
  'a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with';

/** Particles, prepositions and pronouns. */
const thai =
  'ที่ และ ของ ใน เป็น มี ได้ ให้ กับ แต่ หรือ ก็ จะ ว่า ไม่ นี้ นั้น โดย จาก ถึง เพื่อ ซึ่ง อยู่ คือ แล้ว ยัง ต้อง อีก ด้วย ไว้ เมื่อ ถ้า เพราะ ดัง กว่า ทั้ง แห่ง ต่อ ตาม';

const packaged = [
  'arabic',
  'armenian',
  'bulgarian',
  'danish',
  'dutch',
  'finnish',
  'french',
  'german',
  'greek',
  'hungarian',
  'indian',
  'indonesian',
  'irish',
  'italian',
  'japanese',
  'lithuanian',
  'nepali',
  'norwegian',
  'portuguese',
  'romanian',
  'russian',
  'serbian',
  'spanish',
  'swedish',
  'tamil',
  'turkish',
  'ukrainian',
] as const;

/** Where the package has another name. */
const packagedNames: Readonly<Record<string, string>> = { chinese: 'mandarin' };

const lists = new Map<string, readonly string[]>([
  ['english', english.split(' ')],
  ['thai', thai.split(' ')],
]);

export const stopWordLanguages: readonly string[] = ['english', 'thai', 'chinese', ...packaged].sort();

/** @returns undefined where there is no list of this language */
export function stopWordsOf(language: string): readonly string[] | undefined {
  const known = lists.get(language);
  if (known !== undefined || !stopWordLanguages.includes(language)) return known;
  const file = packagedNames[language] ?? language;
  const found = memberOf(
    textPackage(`@orama/stopwords/${file}`, `the list of stop words _${language}_`),
    'stopwords',
  );
  const words = Array.isArray(found) ? found.filter((word): word is string => typeof word === 'string') : [];
  lists.set(language, words);
  return words;
}
