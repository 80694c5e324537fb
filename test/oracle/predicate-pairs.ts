// Filters as pairs of their text and what they mean of a row, said once more in plain loops: geometries of whole coordinates, lists of structs, times
// in zones, words of texts. Nothing of the engine is used. Undefined is neither true nor false.
import fc from 'fast-check';

/** A box with corners of whole numbers; one that has no width and no height is a point. */
export interface Box {
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
  readonly top: number;
}

export interface Part {
  readonly n: number;
  readonly word: string;
}

export interface PairRow {
  readonly id: number;
  readonly place: Box | undefined;
  readonly parts: readonly Part[] | undefined;
  /** Seconds since the epoch. */
  readonly at: number | undefined;
  readonly words: string | undefined;
  readonly n: number | undefined;
}

export type Truth = boolean | undefined;
export interface Pair {
  readonly text: string;
  readonly test: (row: PairRow) => Truth;
}

const not = (truth: Truth): Truth => (truth === undefined ? undefined : !truth);
const and = (a: Truth, b: Truth): Truth =>
  a === false || b === false ? false : a === undefined || b === undefined ? undefined : true;
const or = (a: Truth, b: Truth): Truth => not(and(not(a), not(b)));
/** Nothing is known where the value is null. */
const ofKnown =
  <K extends keyof PairRow>(field: K, test: (value: NonNullable<PairRow[K]>) => boolean) =>
  (row: PairRow): Truth => {
    const value = row[field];
    return value === undefined || value === null ? undefined : test(value);
  };

const isPoint = (box: Box): boolean => box.left === box.right && box.bottom === box.top;
export function wktOf({ left, bottom, right, top }: Box): string {
  if (left === right && bottom === top) return `POINT (${left} ${bottom})`;
  const corners = [
    [left, bottom],
    [right, bottom],
    [right, top],
    [left, top],
    [left, bottom],
  ];
  return `POLYGON ((${corners.map((corner) => corner.join(' ')).join(', ')}))`;
}

const meets = (a: Box, b: Box): boolean =>
  a.left <= b.right && b.left <= a.right && a.bottom <= b.top && b.bottom <= a.top;
/** Points are their own inside; a box is without its border. */
const insidesMeet = (a: Box, b: Box): boolean => {
  if (isPoint(a) && isPoint(b)) return a.left === b.left && a.bottom === b.bottom;
  return a.left < b.right && b.left < a.right && a.bottom < b.top && b.bottom < a.top;
};
const covers = (outer: Box, inner: Box): boolean =>
  outer.left <= inner.left &&
  inner.right <= outer.right &&
  outer.bottom <= inner.bottom &&
  inner.top <= outer.top;
const within = (a: Box, b: Box): boolean => covers(b, a) && insidesMeet(a, b);
const relations: Readonly<Record<string, (a: Box, b: Box) => boolean>> = {
  st_intersects: meets,
  st_within: within,
  st_contains: (a, b) => within(b, a),
  st_equals: (a, b) => covers(a, b) && covers(b, a),
  st_touches: (a, b) => meets(a, b) && !insidesMeet(a, b),
  st_overlaps: (a, b) => isPoint(a) === isPoint(b) && insidesMeet(a, b) && !covers(a, b) && !covers(b, a),
};

export const box: fc.Arbitrary<Box> = fc
  .tuple(
    fc.integer({ min: -4, max: 8 }),
    fc.integer({ min: -4, max: 8 }),
    fc.constantFrom(0, 1, 2, 4),
    fc.constantFrom(1, 2, 5),
  )
  .map(([left, bottom, width, height]) => ({
    ...{ left, bottom, right: left + width, top: width === 0 ? bottom : bottom + height },
  }));
const places = fc.tuple(fc.constantFrom(...Object.keys(relations)), box).map(
  ([name, other]): Pair => ({
    text: `${name}(place, "${wktOf(other)}")`,
    test: ofKnown('place', (place) => relations[name]?.(place, other) ?? false),
  }),
);

/** Conditions on one element. */
const elements = fc.oneof(
  fc.tuple(fc.constantFrom('==', '<', '>='), fc.integer({ min: 0, max: 5 })).map(([op, value]) => ({
    text: `$[n] ${op} ${value}`,
    test: ({ n }: Part) => (op === '==' ? n === value : op === '<' ? n < value : n >= value),
  })),
  fc.constantFrom('a', 'ab', 'c').map((word) => ({
    text: `$[word] like "${word}%"`,
    test: (part: Part) => part.word.startsWith(word),
  })),
);
const counts: Readonly<Record<string, (count: number, of: number, threshold: number) => boolean>> = {
  match_any: (count) => count > 0,
  match_all: (count, of) => count === of,
  match_least: (count, _of, threshold) => count >= threshold,
  match_most: (count, _of, threshold) => count <= threshold,
  match_exact: (count, _of, threshold) => count === threshold,
};
const structs = fc
  .tuple(fc.constantFrom(...Object.keys(counts)), elements, fc.integer({ min: 1, max: 3 }))
  .map(([name, element, threshold]): Pair => {
    const needs = name === 'match_any' || name === 'match_all' ? '' : `, threshold=${threshold}`;
    return {
      text: `${name}(parts, ${element.text}${needs})`,
      test: ofKnown('parts', (parts) => {
        const count = parts.filter(element.test).length;
        return counts[name]?.(count, parts.length, threshold) ?? false;
      }),
    };
  });

/** Zones by what follows a time, or the zone of the collection, New York, where nothing does: winters are five hours behind, summers four. */
const offsets = { Z: 0, '+08:00': 8, '-03:30': -3.5, '+05:45': 5.75 } as const;
const pad = (value: number): string => String(value).padStart(2, '0');
const times = fc.record({
  month: fc.constantFrom(1, 2, 6, 7),
  day: fc.integer({ min: 1, max: 28 }),
  hour: fc.integer({ min: 0, max: 23 }),
  minute: fc.constantFrom(0, 15, 30, 59),
  zone: fc.constantFrom('', ...(Object.keys(offsets) as (keyof typeof offsets)[])),
});
export const secondsOf = (month: number, day: number, hour: number, minute: number, offsetHours: number) =>
  Date.UTC(2024, month - 1, day, hour, minute) / 1000 - offsetHours * 3600;
const compare: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};
const instants = fc
  .tuple(times, fc.constantFrom(...Object.keys(compare)), fc.constantFrom(0, 3, -26))
  .map(([{ month, day, hour, minute, zone }, op, hours]): Pair => {
    const behind = month < 3 ? -5 : -4;
    const bound = secondsOf(month, day, hour, minute, zone === '' ? behind : offsets[zone]);
    const literal = `2024-${pad(month)}-${pad(day)}T${pad(hour)}:${pad(minute)}:00${zone}`;
    const moved = hours === 0 ? 'at' : `at ${hours < 0 ? '-' : '+'} INTERVAL "PT${Math.abs(hours)}H"`;
    return {
      text: `${moved} ${op} ISO "${literal}"`,
      test: ofKnown('at', (at) => compare[op]?.(at + hours * 3600, bound) ?? false),
    };
  });

const WORDS = ['red', 'blue', 'green', 'deep', 'sea'];
const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '');
const wanted = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 3 });
/** Whether the phrase is in the text, each of its words at a place of its own, moved by at most `slop` in all. */
function hasPhrase(text: readonly string[], phrase: readonly string[], slop: number): boolean {
  const tryFrom = (place: number, taken: readonly number[], begins: readonly number[]): boolean => {
    if (place === phrase.length) return Math.max(...begins) - Math.min(...begins) <= slop;
    return text.some(
      (word, at) =>
        word === phrase[place] &&
        !taken.includes(at) &&
        tryFrom(place + 1, [...taken, at], [...begins, at - place]),
    );
  };
  return tryFrom(0, [], []);
}
const texts = fc.oneof(
  fc.tuple(wanted, fc.integer({ min: 1, max: 2 })).map(
    ([some, least]): Pair => ({
      text: `text_match(words, "${some.join(' ')}"${least === 1 ? '' : `, minimum_should_match=${least}`})`,
      test: ofKnown('words', (text) => {
        const there = new Set(wordsOf(text));
        return new Set(some.filter((word) => there.has(word))).size >= least;
      }),
    }),
  ),
  fc.tuple(wanted, fc.integer({ min: 0, max: 2 })).map(
    ([phrase, slop]): Pair => ({
      text: `phrase_match(words, "${phrase.join(' ')}", ${slop})`,
      test: ofKnown('words', (text) => hasPhrase(wordsOf(text), phrase, slop)),
    }),
  ),
);
export const phraseText = fc
  .array(fc.constantFrom(...WORDS, 'Red', 'DEEP,', 'sea-blue'), { maxLength: 6 })
  .map((all) => all.join(' '));

const nulls = fc.tuple(fc.constantFrom('place', 'at', 'words', 'n', 'parts'), fc.boolean()).map(
  ([field, isNull]): Pair => ({
    text: `${field} is ${isNull ? '' : 'not '}null`,
    test: (row) => (row[field as keyof PairRow] === undefined) === isNull,
  }),
);
const numbers = fc.integer({ min: 0, max: 6 }).map(
  (value): Pair => ({
    text: `n > ${value}`,
    test: ofKnown('n', (n) => n > value),
  }),
);

const leaves = fc.oneof(places, structs, instants, texts, nulls, numbers);
export const pairs: fc.Arbitrary<Pair> = fc.letrec<{ pair: Pair }>((tie) => ({
  pair: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaves,
    tie('pair').map((one): Pair => ({ text: `not (${one.text})`, test: (row) => not(one.test(row)) })),
    fc.tuple(tie('pair'), fc.boolean(), tie('pair')).map(
      ([a, isAnd, b]): Pair => ({
        text: `(${a.text}) ${isAnd ? 'and' : 'or'} (${b.text})`,
        test: (row) => (isAnd ? and : or)(a.test(row), b.test(row)),
      }),
    ),
  ),
})).pair;
/** The last conjunct keeps elements: what is left of a row are the places of those that pass. */
export const elementPairs = fc.tuple(leaves, elements).map(([rows, element]) => ({
  text: `${rows.text} and element_filter(parts, ${element.text})`,
  offsets: (row: PairRow): number[] =>
    rows.test(row) === true ? (row.parts ?? []).flatMap((part, at) => (element.test(part) ? [at] : [])) : [],
}));
