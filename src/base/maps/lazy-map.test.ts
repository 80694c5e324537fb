// They do what a Map and a Set do, from before the first entry to after the last.
import { describe, expect, test } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { LazyMap, LazySet } from './lazy-map.js';

describe('lazy', () => {
  test('maps answer as maps do', () => {
    const random = seededRandom(5);
    const [lazy, map] = [new LazyMap<number, string>(), new Map<number, string>()];
    const same = (): void => {
      expect([lazy.size, [...lazy], [...lazy.keys()], [...lazy.values()], [...lazy.entries()]]).toEqual([
        ...[map.size, [...map], [...map.keys()], [...map.values()], [...map.entries()]],
      ]);
      const seen: unknown[] = [];
      lazy.forEach((value, key, of) => {
        seen.push([key, value, of === lazy]);
      });
      expect(seen).toEqual([...map].map(([key, value]) => [key, value, true]));
    };
    same();
    expect([lazy.get(1), lazy.has(1), lazy.delete(1)]).toEqual([undefined, false, false]);
    lazy.clear();
    for (let step = 0; step < 300; step++) {
      const key = nextBelow(random, 8);
      const kind = nextBelow(random, 9);
      if (kind < 5) {
        expect(lazy.set(key, `${step}`)).toBe(lazy);
        map.set(key, `${step}`);
      } else if (kind < 8) expect(lazy.delete(key)).toBe(map.delete(key));
      else {
        lazy.clear();
        map.clear();
      }
      expect([lazy.get(key), lazy.has(key)]).toEqual([map.get(key), map.has(key)]);
      same();
    }
  });

  test('what is put into a map while it is gone through is come to, as in a map', () => {
    const map = new LazyMap<number, number>().set(1, 1);
    const seen: number[] = [];
    for (const [key] of map) {
      seen.push(key);
      map.delete(key);
      if (key < 4) map.set(key + 1, 0);
    }
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  test('sets answer as sets do', () => {
    const set = new LazySet<string>();
    expect([set.size, set.has('a'), set.delete('a'), [...set]]).toEqual([0, false, false, []]);
    set.add('a').add('b').add('a');
    expect([set.size, set.has('a'), [...set]]).toEqual([2, true, ['a', 'b']]);
    expect([set.delete('a'), set.delete('a'), [...set]]).toEqual([true, false, ['b']]);
  });
});
