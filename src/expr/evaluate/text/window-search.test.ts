import { expect, it } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { WINDOW_BYTES } from '#expr/evaluate/filter-kernel.js';
import { bytesOfText, Needle } from './byte-strings.js';
import { WindowSearch } from './window-search.js';

const random = seededRandom(3);

function places(needle: string, bytes: Uint8Array, begin: number, end: number): number[] {
  const search = new WindowSearch(new Needle(bytesOfText(needle)), bytes, end);
  const found: number[] = [];
  for (let at = search.find(begin); at >= 0; at = search.find(at + 1)) found.push(at);
  return found;
}

function slowPlaces(needle: string, text: string, begin: number, end: number): number[] {
  const found: number[] = [];
  for (
    let at = text.indexOf(needle, begin);
    at >= 0 && at + needle.length <= end;
    at = text.indexOf(needle, at + 1)
  )
    found.push(at);
  return found;
}

it('finds each place, also where windows meet, whatever the texts are', () => {
  const length = WINDOW_BYTES * 2 + 100;
  const letters = Array.from({ length }, () => 'ab'[nextBelow(random, 2)]);
  for (const at of [WINDOW_BYTES - 3, WINDOW_BYTES * 2 - 8, length - 9])
    letters.splice(at, 9, ...'findme me');
  for (const text of [letters.join('').slice(0, length), 'a'.repeat(length)]) {
    const bytes = bytesOfText(text);
    const needles = [
      'findme',
      'a',
      'abbabaab',
      'e m',
      `${'a'.repeat(50)}b${'a'.repeat(50)}`,
      'a'.repeat(300),
      'zz',
    ];
    for (const needle of needles)
      for (const [begin, end] of [
        [0, length],
        [WINDOW_BYTES - 5, WINDOW_BYTES * 2 - 4],
        [17, 17],
      ] as const)
        expect(places(needle, bytes, begin, end)).toEqual(slowPlaces(needle, text, begin, end));
  }
});
