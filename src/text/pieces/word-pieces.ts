// The pieces of words that a model knows, by the `tokenizer.json` of the model: texts are made plain, cut into words, and each word into the longest
// pieces from its beginning. Algorithm: WordPiece, as BERT has it. Work is linear in the text: a word has a bound.
import { ElanusError } from '#base/errors.js';
import type { Pieces, PiecesCut, PiecesOptions } from './pieces.js';

type Json = Readonly<Record<string, unknown>>;

const objectOf = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;

function unsupported(text: string): never {
  throw new ElanusError('unsupported', `tokenizer.json: ${text}; take a model with a WordPiece tokenizer`);
}

const WORD_LENGTH_MAX = 100;

/** What this file has the algorithm for; other forms are for a package. */
export function isBertTokenizer({ model, pre_tokenizer: cut, normalizer }: Json): boolean {
  const type = objectOf(model)?.type ?? (objectOf(objectOf(model)?.vocab) && 'WordPiece');
  return type === 'WordPiece' && objectOf(cut)?.type === 'BertPreTokenizer' && isKnown(normalizer);
}

export class WordPieces implements Pieces {
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #plain: (text: string) => string;
  readonly #prefix: string;
  readonly #wordLengthMax: number;
  readonly #unknown: number | undefined;
  /** The median length of the pieces, in characters. */
  readonly medianLength: number;

  /**
   * @param root of a file that `isBertTokenizer`
   * @throws unsupported, data_corrupt
   */
  constructor(root: Json, { keepsUnknown }: PiecesOptions) {
    const model = objectOf(root.model) ?? unsupported('has no model');
    const vocabulary = objectOf(model.vocab) ?? unsupported('has no vocabulary');
    const unknown = typeof model.unk_token === 'string' ? model.unk_token : '[UNK]';
    this.#vocabulary = new Map(
      Object.entries(vocabulary).flatMap(([piece, id]): [string, number][] =>
        typeof id === 'number' && piece !== unknown ? [[piece, id]] : [],
      ),
    );
    const unknownId = vocabulary[unknown];
    this.#unknown = keepsUnknown && typeof unknownId === 'number' ? unknownId : undefined;
    this.#prefix =
      typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '##';
    const longest = model.max_input_chars_per_word;
    this.#wordLengthMax = Math.min(
      typeof longest === 'number' ? longest : WORD_LENGTH_MAX,
      WORD_LENGTH_MAX * 10,
    );
    this.#plain = normalizer(root.normalizer);
    this.medianLength = medianLength(Object.keys(vocabulary));
  }

  pieces(text: string, { most, keeps }: PiecesCut): number[] {
    const ids: number[] = [];
    for (const word of this.#plain(text).match(WORDS) ?? []) {
      if (keeps === 'first' && ids.length >= most) break;
      this.#addWord(word, ids);
    }
    return keeps === 'first' ? ids.slice(0, most) : ids.slice(Math.max(0, ids.length - most));
  }

  /** A word that is not made of pieces as a whole is none. */
  #addWord(word: string, ids: number[]): void {
    const characters = [...word];
    if (characters.length > this.#wordLengthMax) {
      if (this.#unknown !== undefined) ids.push(this.#unknown);
      return;
    }
    const found: number[] = [];
    for (let begin = 0; begin < characters.length; ) {
      let end = characters.length;
      let id: number | undefined;
      for (; end > begin; end--) {
        const part = characters.slice(begin, end).join('');
        id = this.#vocabulary.get(begin === 0 ? part : this.#prefix + part);
        if (id !== undefined) break;
      }
      if (id === undefined) {
        if (this.#unknown !== undefined) ids.push(this.#unknown);
        return;
      }
      found.push(id);
      begin = end;
    }
    ids.push(...found);
  }
}

/** The median length of pieces, in characters, down to a whole one. */
export function medianLength(pieces: readonly string[]): number {
  const lengths = Uint32Array.from(pieces, (piece) => [...piece].length).sort();
  const middle = lengths.length >> 1;
  const upper = lengths[middle] ?? 1;
  const lower = lengths.length % 2 === 0 ? (lengths[middle - 1] ?? upper) : upper;
  return Math.max(1, Math.floor((lower + upper) / 2));
}

/** Signs stand for themselves, everything else between white space is a word. */
const WORDS = /[!-/:-@[-`{-~\p{P}]|[^\s!-/:-@[-`{-~\p{P}]+/gu;
const CONTROLS = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Cn}\p{Co}\uFFFD]/gu;
const IDEOGRAPHS =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B820}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;
const MARKS = /\p{Mn}/gu;

type Change = (text: string) => string;

const steps: Readonly<Record<string, Change>> = {
  Lowercase: (text) => text.toLowerCase(),
  StripAccents: (text) => text.replace(MARKS, ''),
  NFD: (text) => text.normalize('NFD'),
  NFC: (text) => text.normalize('NFC'),
  NFKD: (text) => text.normalize('NFKD'),
  NFKC: (text) => text.normalize('NFKC'),
};

function isKnown(normalizer: unknown): boolean {
  if (normalizer === null || normalizer === undefined) return true;
  const { type, normalizers } = objectOf(normalizer) ?? {};
  if (type === 'Sequence') return Array.isArray(normalizers) && normalizers.every(isKnown);
  return type === 'BertNormalizer' || Object.hasOwn(steps, String(type));
}

function normalizer(value: unknown): Change {
  if (value === null || value === undefined) return (text) => text;
  const { type, normalizers, ...options } = objectOf(value) ?? unsupported('has a normalizer that is none');
  if (type === 'BertNormalizer') return bertNormalizer(options);
  if (type === 'Sequence' && Array.isArray(normalizers)) {
    const all = normalizers.map(normalizer);
    return (text) => all.reduce((changed, change) => change(changed), text);
  }
  return steps[String(type)] ?? unsupported(`has a normalizer ${String(type)}`);
}

function bertNormalizer(options: Json): Change {
  const lowers = options.lowercase !== false;
  const strips = typeof options.strip_accents === 'boolean' ? options.strip_accents : lowers;
  const cleans = options.clean_text !== false;
  const parts = options.handle_chinese_chars !== false;
  return (text) => {
    let plain = cleans ? text.replace(CONTROLS, '') : text;
    if (parts) plain = plain.replace(IDEOGRAPHS, ' $& ');
    if (strips) plain = plain.normalize('NFD').replace(MARKS, '');
    return lowers ? plain.toLowerCase() : plain;
  };
}
