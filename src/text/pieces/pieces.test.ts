// Numbers of pieces are those of the package `tokenizers` of Python, recorded by test/support/tokenizers/make.py, for tokenizers in the forms of models
// that people use; what a tokenizer may not have is refused.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { provideTextPackages } from '#platform/node/node-text-packages.js';
import { setTextPackages } from '#text/text-packages.js';
import { Charsmap } from './charsmap.js';
import { piecesOf } from './open-pieces.js';
import type { Pieces } from './pieces.js';

const folder = new URL('../../../test/support/tokenizers/', import.meta.url);
const fileOf = (name: string): Uint8Array => readFileSync(new URL(`${name}.json`, folder));
const jsonOf = <Content>(name: string): Content => JSON.parse(new TextDecoder().decode(fileOf(name)));

type ByName<Value> = Readonly<Record<string, Value>>;

interface Answers {
  readonly texts: readonly string[];
  readonly ids: ByName<readonly (readonly number[])[]>;
  readonly long: ByName<{ readonly text: string } & Readonly<Record<'first' | 'last', ByName<number[]>>>>;
}

const answers = jsonOf<Answers>('answers');
const names = Object.keys(answers.ids);
const whole = { most: 4096, keeps: 'first' } as const;

beforeAll(() => provideTextPackages());

describe.each(names)('a tokenizer as that of %s', (name) => {
  const open = (): Pieces => piecesOf(fileOf(name), { keepsUnknown: true });

  it('makes the pieces that Python makes', () => {
    const made = open();
    for (const [at, text] of answers.texts.entries())
      expect([text, made.pieces(text, whole)]).toEqual([text, answers.ids[name]?.[at]]);
  });

  it.each(['words', 'characters'])('cuts a long text of %s at its end, or at its beginning', (kind) => {
    const made = open();
    const long = answers.long[kind];
    for (const keeps of ['first', 'last'] as const)
      expect(made.pieces(long?.text ?? '', { most: 512, keeps })).toEqual(long?.[keeps][name]);
  });
});

it('no more of a text is looked at than may count', () => {
  const looked: string[] = [];
  class Tokenizer {
    encode(text: string): { readonly ids: readonly number[] } {
      looked.push(text);
      return { ids: [3] };
    }
  }
  setTextPackages(() => ({ Tokenizer }));
  const made = piecesOf(fileOf('roberta'), { keepsUnknown: true });
  const text = '😀'.repeat(100_000);
  for (const keeps of ['first', 'last'] as const)
    expect(made.pieces(text, { most: 101, keeps })).toEqual([3]);
  expect(looked.map(({ length }) => length)).toEqual([808, 3232, 808, 3232]);
  expect(looked.every((part) => part.isWellFormed())).toBe(true);
  provideTextPackages();
});

it('what is unknown is left out where that is asked for', () => {
  const [kept, left] = [true, false].map((keepsUnknown) =>
    piecesOf(fileOf('xlm-roberta'), { keepsUnknown }).pieces('search 鬱 search', whole),
  );
  expect(kept).toContain(3);
  expect(left).toEqual(kept?.filter((id) => id !== 3));
});

describe('a tokenizer is refused', () => {
  const changed = (change: object, name = 'xlm-roberta') => {
    const root = jsonOf<object>(name);
    return () =>
      piecesOf(new TextEncoder().encode(JSON.stringify({ ...root, ...change })), { keepsUnknown: true });
  };
  const normalizer = (precompiled_charsmap: string) => ({
    normalizer: { type: 'Precompiled', precompiled_charsmap },
  });

  it.each<[string, object, RegExp]>([
    [
      'with a model that is not known',
      { model: { type: 'WordLevel', vocab: {} } },
      /of type WordLevel, expected WordPiece, Unigram or BPE/,
    ],
    [
      'with a normalizer that is not known',
      { normalizer: { type: 'Sequence', normalizers: [{ type: 'Nmt' }] } },
      /has a normalizer Nmt, expected/,
    ],
    [
      'with a cut that the package makes otherwise',
      { pre_tokenizer: { type: 'Whitespace' } },
      /has a pre_tokenizer Whitespace, expected/,
    ],
    [
      'with a behavior that it has otherwise',
      { pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'Removed', invert: false } },
      /Split of behavior Removed, expected Isolated/,
    ],
    [
      'with WordPiece in another form',
      { model: { type: 'WordPiece', vocab: { a: 1 } } },
      /WordPiece with other parts than BERT/,
    ],
    [
      'with a damaged vocabulary',
      { model: { type: 'Unigram', unk_id: 0, vocab: [null] } },
      /cannot be opened/,
    ],
    ['with a table that is none', normalizer('AAAA'), /precompiled_charsmap has 3 bytes/],
    ['with a table that is cut', normalizer('/wAAAAAA'), /precompiled_charsmap has 6 bytes/],
  ])('%s', (_, change, reason) => expect(changed(change)).toThrow(reason));

  it('without what runs it, and with another version of that', () => {
    afterAll(() => provideTextPackages());
    setTextPackages(() => {
      throw new Error('not found');
    });
    expect(changed({})).toThrow(
      /tokenizer of type Unigram needs the package @huggingface\/tokenizers.*npm install @huggingface\/tokenizers/,
    );
    setTextPackages(() => ({}));
    expect(changed({})).toThrow(/has no Tokenizer; install another version/);
    class Tokenizer {}
    setTextPackages(() => ({ Tokenizer }));
    expect(changed({})).toThrow(/has no normalizers that can be changed/);
    provideTextPackages();
  });
});

it('a table of characters that leads nowhere changes nothing', () => {
  const bytes = new Uint8Array(4 + 4 + 1);
  bytes[0] = 4;
  expect(new Charsmap(bytes).apply('abc 日本 \u0000')).toBe('abc 日本 \u0000');
});
