// Tokenizers that the package `@huggingface/tokenizers` runs, which users install: Unigram as XLM-R has it, BPE over bytes or characters, and other
// forms of WordPiece. It is JavaScript, opens no file and no address, and is loaded by the worker thread that runs a model. What parts a tokenizer may
// have are those that give what the package `tokenizers` of Python gives.
import { bytesFromBase64 } from '#base/base64.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { memberOf, textPackage } from '#text/text-packages.js';
import { Charsmap } from './charsmap.js';
import type { Pieces, PiecesCut, PiecesOptions } from './pieces.js';
import { medianLength } from './word-pieces.js';

const PACKAGE = '@huggingface/tokenizers';

type Json = Readonly<Record<string, unknown>>;

/**
 * Code units of a text that are looked at for each piece that counts: first so many, which mostly make enough of them, then so many, and no more: the
 * package takes longer than linear time for long texts of unknown characters.
 */
const UNITS_A_PIECE = [8, 32];
/** Pieces at the place where a text is cut may be others than those of the whole. */
const CUT_PIECES = 64;

interface PackageTokenizer {
  readonly normalizer: unknown;
  encode(text: string, options: object): { readonly ids: readonly (number | undefined)[] };
}

type TokenizerClass = new (root: object, settings: object) => PackageTokenizer;

export class PackagePieces implements Pieces {
  readonly #tokenizer: PackageTokenizer;
  readonly #leftOut: number | undefined;
  readonly medianLength: number;

  /** @throws unsupported, data_corrupt */
  constructor(root: Json, { keepsUnknown }: PiecesOptions) {
    const type = checked(root);
    const vocabulary = vocabularyOf(root.model);
    this.#tokenizer = opened(root, type);
    usesTables(this.#tokenizer.normalizer, root.normalizer);
    this.#leftOut = keepsUnknown ? undefined : unknownOf(root.model, vocabulary);
    this.medianLength = medianLength([...vocabulary.keys()]);
  }

  pieces(text: string, cut: PiecesCut): number[] {
    const { most, keeps } = cut;
    for (const units of UNITS_A_PIECE) {
      const part = partOf(text, most * units, keeps);
      const ids = this.#ids(part);
      const isEnough = part.length === text.length || ids.length >= most + CUT_PIECES;
      if (!isEnough && units !== UNITS_A_PIECE.at(-1)) continue;
      return keeps === 'first' ? ids.slice(0, most) : ids.slice(Math.max(0, ids.length - most));
    }
    return [];
  }

  #ids(text: string): number[] {
    const { ids } = this.#tokenizer.encode(text, { add_special_tokens: false });
    return ids.filter((id): id is number => id !== undefined && id !== this.#leftOut);
  }
}

/** The beginning or the end of a text, cut before white space, so in no word, where there is some in its outer half, or else in no character. */
function partOf(text: string, units: number, keeps: PiecesCut['keeps']): string {
  if (text.length <= units) return text;
  const [cut, step] = keeps === 'first' ? [units, -1] : [text.length - units, 1];
  let at = cut;
  for (let looked = units >> 1; looked > 0 && !beginsSpace(text, at); looked--) at += step;
  if (!beginsSpace(text, at)) at = isInside(text, cut) ? cut + step : cut;
  return keeps === 'first' ? text.slice(0, at) : text.slice(at);
}

const space = /\s/u;
const beginsSpace = (text: string, at: number): boolean =>
  space.test(text.charAt(at)) && !space.test(text.charAt(at - 1));

const isInside = (text: string, at: number): boolean =>
  /[\uD800-\uDBFF][\uDC00-\uDFFF]/.test(text.slice(at - 1, at + 1));

function unsupported(text: string): never {
  throw new ElanusError('unsupported', `tokenizer.json: ${text}; serve such a model by TEI`);
}

/** Those with which the package was tried against `tokenizers` of Python, and agrees. */
const partTypes = {
  normalizer: ['Lowercase', 'NFC', 'NFD', 'NFKC', 'NFKD', 'Precompiled', 'Prepend', 'Replace', 'Strip'],
  pre_tokenizer: [
    'BertPreTokenizer',
    'ByteLevel',
    'Digits',
    'Metaspace',
    'Punctuation',
    'Split',
    'WhitespaceSplit',
  ],
} satisfies Record<string, readonly string[]>;

/** @returns the type of the model */
function checked(root: Json): string {
  const model = memberOf(root, 'model');
  const type = memberOf(model, 'type') ?? (Array.isArray(memberOf(model, 'vocab')) ? 'Unigram' : undefined);
  if (type !== 'Unigram' && type !== 'BPE')
    return unsupported(
      type === 'WordPiece'
        ? 'has a model of type WordPiece with other parts than BERT, expected a BertNormalizer and a BertPreTokenizer'
        : `has a model of type ${String(type)}, expected WordPiece, Unigram or BPE`,
    );
  for (const [name, known] of Object.entries(partTypes))
    for (const part of partsOf(root[name])) {
      const found = String(memberOf(part, 'type'));
      if (!known.includes(found)) unsupported(`has a ${name} ${found}, expected ${known.join(', ')}`);
      const behavior = memberOf(part, 'behavior');
      const isInverted = memberOf(part, 'invert') === true;
      if (behavior !== undefined && behavior !== 'Isolated' && !(behavior === 'Removed' && isInverted))
        unsupported(`has a ${found} of behavior ${String(behavior)}, expected Isolated`);
    }
  return type;
}

/** Parts of a sequence, in order, or the one that there is. */
function partsOf(part: unknown): readonly unknown[] {
  if (part === undefined || part === null) return [];
  if (memberOf(part, 'type') !== 'Sequence') return [part];
  const parts = memberOf(part, 'normalizers') ?? memberOf(part, 'pretokenizers');
  return Array.isArray(parts) ? parts.flatMap(partsOf) : [part];
}

/** @throws unsupported, with what to install */
function opened(root: Json, type: string): PackageTokenizer {
  const Tokenizer = memberOf(textPackage(PACKAGE, `a model with a tokenizer of type ${type}`), 'Tokenizer');
  if (typeof Tokenizer !== 'function')
    throw new ElanusError(
      'unsupported',
      `the package ${PACKAGE} has no Tokenizer; install another version of it`,
    );
  // What stands around a text is added by whoever runs the model.
  const form = {
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    ...root,
    post_processor: null,
    decoder: null,
  };
  try {
    return new (Tokenizer as TokenizerClass)(form, {});
  } catch (cause) {
    throw new ElanusError(
      'data_corrupt',
      `tokenizer.json: cannot be opened (${messageOf(cause)}); take the file from its source again`,
      { cause },
    );
  }
}

/** Puts the tables of a file in the place of the package's approximation of them. */
function usesTables(opened: unknown, described: unknown): void {
  const parts = memberOf(opened, 'normalizers');
  const all = Array.isArray(parts) ? parts : [opened];
  if (memberOf(described, 'type') === 'Sequence') {
    const forms = memberOf(described, 'normalizers');
    if (Array.isArray(forms)) for (const [at, form] of forms.entries()) usesTables(all[at], form);
    return;
  }
  const table = memberOf(described, 'precompiled_charsmap');
  if (memberOf(described, 'type') !== 'Precompiled' || typeof table !== 'string') return;
  const charsmap = new Charsmap(bytesFromBase64(table) ?? new Uint8Array());
  if (typeof memberOf(opened, 'normalize') !== 'function' || !(opened instanceof Object))
    throw new ElanusError(
      'unsupported',
      `the package ${PACKAGE} has no normalizers that can be changed; install another version of it`,
    );
  Object.assign(opened, { normalize: (text: string) => charsmap.apply(text) });
}

/** Numbers by pieces. */
function vocabularyOf(model: unknown): ReadonlyMap<string, number> {
  const pieces = memberOf(model, 'vocab');
  if (Array.isArray(pieces))
    return new Map(pieces.map((one: unknown, at) => [String(memberOf(one, '0')), at]));
  if (typeof pieces !== 'object' || pieces === null) return unsupported('has no vocabulary');
  return new Map(Object.entries(pieces).map(([piece, id]) => [piece, Number(id)]));
}

function unknownOf(model: unknown, vocabulary: ReadonlyMap<string, number>): number | undefined {
  const id = memberOf(model, 'unk_id');
  return typeof id === 'number' ? id : vocabulary.get(String(memberOf(model, 'unk_token')));
}
