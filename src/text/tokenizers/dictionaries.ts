// Tokenizers of packages that users install: jieba for Chinese, lindera for Japanese and Korean.
import { ElanusError } from '#base/errors.js';
import { callMember, memberOf, textPackage } from '#text/text-packages.js';
import type { Emit, Tokenizer } from '#text/token.js';
import { pieceEnds } from './pieces.js';

export interface JiebaWish {
  readonly mode: 'exact' | 'search';
  readonly hmm: boolean;
  /** Words of the package, and these. */
  readonly withDefault: boolean;
  readonly words: readonly string[];
}

/** Words that overlap are ordered by where they begin; their positions are characters, so that a phrase finds its words whatever overlaps. */
export function jiebaTokenizer(wish: JiebaWish): Tokenizer {
  const jieba = loadJieba(wish);
  const cut = (name: string, piece: string): string[] => textsOf(callMember(jieba, name, piece, wish.hmm));
  return {
    words(text: string, emit: Emit): void {
      let begin = 0;
      for (const end of pieceEnds(text)) {
        const piece = text.slice(begin, end);
        const words = cut('cut', piece);
        const parts = wish.mode === 'search' ? cut('cutForSearch', piece) : words;
        for (const { word, at } of placed(words, parts))
          emit(word, begin + at, begin + at + word.length, begin + at);
        begin = end;
      }
    },
  };
}

interface Placed {
  readonly word: string;
  readonly at: number;
}

/** The parts of each word come before it: those of two characters in the order of the text, those of three, then the word. */
function placed(words: readonly string[], parts: readonly string[]): Placed[] {
  const all: Placed[] = [];
  let next = 0;
  let begin = 0;
  for (const word of words) {
    const inside: Placed[] = [];
    let from = 0;
    let length = 0;
    for (let part = parts[next]; part !== undefined && part !== word; part = parts[++next]) {
      if (part.length !== length) from = 0;
      length = part.length;
      const at = word.indexOf(part, from);
      if (at < 0) continue;
      from = at + 1;
      inside.push({ word: part, at: begin + at });
    }
    next++;
    inside.push({ word, at: begin });
    all.push(...inside.sort((a, b) => a.at - b.at || a.word.length - b.word.length));
    begin += word.length;
  }
  return all;
}

/** Loading the dictionary takes a third of a second, so tokenizers with the same words share one. */
const loaded = new Map<string, unknown>();
const LOADED_MAX = 16;

function loadJieba({ withDefault, words }: JiebaWish): unknown {
  const key = JSON.stringify([withDefault, words]);
  const known = loaded.get(key);
  if (known !== undefined) return known;
  const wanted = 'the tokenizer jieba';
  const jieba = memberOf(textPackage('@node-rs/jieba', wanted), 'Jieba');
  if (typeof jieba !== 'function')
    throw new ElanusError('unsupported', `${wanted}: the package is of another version`);
  const tokenizer: unknown = withDefault
    ? callMember(jieba, 'withDict', memberOf(textPackage('@node-rs/jieba/dict', wanted), 'dict'))
    : Reflect.construct(jieba, []);
  if (words.length > 0)
    callMember(
      tokenizer,
      'loadDict',
      new TextEncoder().encode(words.map((word) => `${word} 100000\n`).join('')),
    );
  if (loaded.size >= LOADED_MAX) loaded.clear();
  loaded.set(key, tokenizer);
  return tokenizer;
}

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];

const linderaPackages: Readonly<Record<string, string>> = {
  ipadic: 'lindera-wasm-ipadic',
  'ko-dic': 'lindera-wasm-ko-dic',
  'cc-cedict': 'lindera-wasm-cc-cedict',
};

export const linderaKinds = Object.keys(linderaPackages);

/** @throws unsupported where the package of the dictionary is not there */
export function linderaTokenizer(kind: string): Tokenizer {
  const name = linderaPackages[kind] ?? '';
  const lindera = linderaOf(kind, name);
  return {
    words(text: string, emit: Emit): void {
      let begin = 0;
      let position = 0;
      for (const end of pieceEnds(text)) {
        const piece = text.slice(begin, end);
        const found: unknown = callMember(lindera, 'tokenize', piece);
        let at = 0;
        for (const token of Array.isArray(found) ? found : []) {
          const word = memberOf(token, 'text');
          const place = typeof word === 'string' && word !== '' ? piece.indexOf(word, at) : -1;
          if (typeof word !== 'string' || place < 0) continue;
          at = place + word.length;
          emit(word, begin + place, begin + at, position++);
        }
        begin = end;
      }
    },
  };
}

const linderas = new Map<string, unknown>();

function linderaOf(kind: string, name: string): unknown {
  const known = linderas.get(kind);
  if (known !== undefined) return known;
  const wanted = `the tokenizer lindera with the dictionary ${kind}`;
  const loadedPackage = textPackage(name, wanted);
  callMember(loadedPackage, 'initSync', { module: textPackage(`${name}/lindera_wasm_bg.wasm`, wanted) });
  const builder: unknown = Reflect.construct(builderOf(loadedPackage, wanted), []);
  callMember(builder, 'setDictionary', `embedded://${kind}`);
  callMember(builder, 'setMode', 'normal');
  const tokenizer = callMember(builder, 'build');
  linderas.set(kind, tokenizer);
  return tokenizer;
}

function builderOf(loadedPackage: unknown, wanted: string): Parameters<typeof Reflect.construct>[0] {
  const builder = memberOf(loadedPackage, 'TokenizerBuilder');
  if (typeof builder === 'function') return builder;
  throw new ElanusError('unsupported', `${wanted}: the package is of another version`);
}
