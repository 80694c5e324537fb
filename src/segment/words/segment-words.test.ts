// Words that are kept say of every row what an analysis of its text says: over rows that grow, runs that are merged, and threads; and they are
// made only where that pays and there is room.
import { describe, expect, it } from 'vitest';
import { neverAborted } from '#base/on-abort.js';
import type { ColumnSource, VariableView } from '#expr/evaluate/column-view.js';
import { isBitSet } from '#expr/evaluate/rows.js';
import { wordsMatcher } from '#expr/evaluate/text/word-matchers.js';
import { checkFilter } from '#expr/filter.js';
import { InlineWorkers } from '#platform/memory/inline-workers.js';
import { provideTextPackages } from '#platform/node/node-text-packages.js';
import { nodeTimers } from '#platform/node/node-time.js';
import { Pace } from '#platform/pace.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { KeptTotal } from '#segment/kept/kept-total.js';
import { FieldWords } from './field-words.js';
import { SegmentWords, type WordsLeaf } from './segment-words.js';

provideTextPackages();

const synonyms =
  '{"tokenizer": "standard", "filter": ["lowercase", {"type": "synonym", "synonyms": ["a, b", "c => d"]}]}';
const schema = CollectionSchema.fromPartial({
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    {
      fieldID: 101n,
      name: 'text',
      dataType: DataType.VarChar,
      nullable: true,
      typeParams: [
        { key: 'enable_analyzer', value: 'true' },
        { key: 'enable_match', value: 'true' },
        { key: 'analyzer_params', value: synonyms },
      ],
    },
  ],
});
let now = 0;
/** Every look finds the slice over. */
const clock = { now: () => 0, monotonic: () => (now += 1000) };
const paceOf = (signal: AbortSignal): Pace => new Pace({ clock, timers: nodeTimers }, { signal });
const pace = paceOf(neverAborted);
const workers = new InlineWorkers({ timers: { sleep: async () => {} } as never, parallelism: 3 });

function leafOf(filter: string): WordsLeaf {
  const checked = checkFilter(schema, { text: filter, templates: {} });
  if (checked.kind !== 'predicate' || checked.predicate.kind !== 'words') throw new Error('expected words');
  return checked.predicate;
}

/** Rows as a segment has them: null where there is no text. */
function viewOf(texts: readonly (string | undefined)[]): VariableView {
  const parts = texts.map((text) => new TextEncoder().encode(text ?? ''));
  const offsets = new Uint32Array(texts.length + 1);
  for (const [row, { length }] of parts.entries()) offsets[row + 1] = (offsets[row] as number) + length;
  const data = new Uint8Array(offsets.at(-1) ?? 0);
  for (const [row, part] of parts.entries()) data.set(part, offsets[row]);
  return {
    kind: 'variable',
    data,
    offsets,
    valid: Uint8Array.from(texts, (text) => Number(text !== undefined)),
  };
}
const columnsOf = (view: VariableView): ColumnSource => ({ view: () => view });

/** What the analyzer says, row by row. */
function analyzed({ analyzer, words }: WordsLeaf, { data, offsets, valid }: VariableView): number[] {
  const matcher = wordsMatcher(analyzer, words);
  return Array.from(valid, (isThere, row) =>
    isThere === 1 && matcher.test(data, offsets[row] as number, offsets[row + 1] as number) ? [row] : [],
  ).flat();
}

async function kept(words: SegmentWords, leaf: WordsLeaf, view: VariableView): Promise<number[] | undefined> {
  const rowCount = view.valid.length;
  const answer = words.answer(leaf, rowCount, columnsOf(view));
  if (answer === undefined) return undefined;
  const bits = await answer.bits(pace);
  const rows = Array.from({ length: bits.length * 32 }, (_, row) => row).filter((row) => isBitSet(bits, row));
  expect(rows.length).toBeLessThanOrEqual(answer.rowsMax);
  return rows;
}

const ask = (words: SegmentWords, leaf: WordsLeaf, view: VariableView, analyzedRows = view.valid.length) =>
  words.ask(
    { leaves: [leaf], analyzed: analyzedRows, rowCount: view.valid.length, columns: columnsOf(view) },
    pace,
  );

function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('words of a segment', () => {
  it.each([1, 2, 3])('say what an analysis of each text says, however rows came (seed %i)', async (seed) => {
    const next = random(seed * 7919);
    const phrase = (most: number): string =>
      Array.from({ length: next(most) }, () => 'abcdefgh'[next(8)] as string).join(' ');
    const words = new SegmentWords(workers);
    const leaves = Array.from({ length: 24 }, (_, at) => {
      const text = phrase(5);
      if (at % 7 === 3) return leafOf(`text_match_fuzzy(text, "${text}", max_edit_distance=${next(3)})`);
      if (at % 3 === 0) return leafOf(`text_match(text, "${text}", minimum_should_match=${1 + next(3)})`);
      return leafOf(
        at % 3 === 1 ? `text_match(text, "${text}")` : `phrase_match(text, "${text}", ${next(4)})`,
      );
    });
    const texts: (string | undefined)[] = [];
    for (let round = 0; round < 12; round++) {
      const more = round === 5 ? 400 : 1 + next(40);
      for (let row = 0; row < more; row++) texts.push(next(10) === 0 ? undefined : phrase(30));
      // Long ones make the rows of the last round go to threads, in several runs.
      if (seed === 1 && round === 11)
        texts.push(...Array.from({ length: 3 }, () => `${' '.repeat(700_000)}${phrase(9)}`));
      const view = viewOf(texts);
      expect(await ask(words, leaves[0] as WordsLeaf, view)).toBe(true);
      for (const leaf of round % 4 === 3 ? leaves : leaves.slice(0, 2))
        expect(await kept(words, leaf, view)).toEqual(analyzed(leaf, view));
    }
    const before = viewOf(texts.slice(0, 33));
    for (const leaf of leaves) expect(await kept(words, leaf, before)).toEqual(analyzed(leaf, before));
  });

  it('are in few runs, however many filters came while rows did', async () => {
    const room = { hasRoom: () => true, changed: () => {} };
    const word = (at: number): string => `w${at.toString(36)}`;
    const many = new FieldWords('', workers, room);
    const view = viewOf(Array.from({ length: 200 }, (_, at) => word(at % 9)));
    for (let rowCount = 1; rowCount <= 200; rowCount++) await many.extend({ view, rowCount }, pace);
    expect(many.runs.length).toBeLessThan(9);
  });

  it('are made once filters have asked as many rows as miss them', async () => {
    const words = new SegmentWords(workers);
    const leaf = leafOf('text_match(text, "e")');
    const view = viewOf(['e f', 'f', undefined, 'e']);
    expect(await ask(words, leaf, view, 1)).toBe(false);
    expect(await ask(words, leaf, view, 2)).toBe(false);
    expect(await kept(words, leaf, view)).toBeUndefined();
    expect(await ask(words, leaf, view, 1)).toBe(true);
    expect(await kept(words, leaf, view)).toEqual([0, 3]);
  });

  it('take memory only while there is room, and give it back', async () => {
    let room = 0;
    const total = new KeptTotal((bytes) => bytes <= room);
    const words = new SegmentWords(workers);
    words.countIn(total);
    const leaf = leafOf('text_match(text, "e")');
    const view = viewOf(['e f', 'e']);
    await ask(words, leaf, view);
    expect([await kept(words, leaf, view), total.bytes]).toEqual([undefined, 0]);
    room = 1 << 20;
    // After a refusal twice as much has to be asked.
    expect([await ask(words, leaf, view), await ask(words, leaf, view)]).toEqual([false, true]);
    expect(words.bytes).toBeGreaterThan(0);
    expect(total.bytes).toBe(words.bytes);
    total.drop();
    expect([words.bytes, total.bytes, await kept(words, leaf, view)]).toEqual([0, 0, undefined]);
    words.close();
    for (let again = 0; again < 9; again++) expect(await ask(words, leaf, view)).toBe(false);
  });

  it('of two filters at a time are made once; what was made for one that goes is there for the other', async () => {
    const words = new SegmentWords(workers);
    const leaf = leafOf('text_match(text, "e")');
    const view = viewOf([`${' '.repeat(200_000)} e`, 'e']);
    const asked = { leaves: [leaf], analyzed: 2, rowCount: 2, columns: columnsOf(view) };
    const goneCaller = paceOf(AbortSignal.abort());
    const both = await Promise.allSettled([words.ask(asked, pace), words.ask(asked, goneCaller)]);
    expect(both[0]).toMatchObject({ status: 'fulfilled', value: true });
    expect(await kept(words, leaf, view)).toEqual([0, 1]);
    const bytes = words.bytes;
    expect(await words.ask(asked, pace)).toBe(false);
    expect(words.bytes).toBe(bytes);
  });
});
