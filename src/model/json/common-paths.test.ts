// Paths that texts have in common.
import { expect, it } from 'vitest';
import { commonPaths } from './common-paths.js';

const shown = (texts: readonly string[], prefix: readonly string[] = [], most = 10): string[] =>
  commonPaths(texts, prefix, most).map(
    ({ path, type, isList }) => `${path.join('.')} ${type}${isList ? ' list' : ''}`,
  );

it('counts values of each type, elements of lists, and keys of objects in objects', () => {
  const texts = [
    '{"a":1,"b":{"c":"x","d":[1,"y",2,null,{"e":1}]},"n":null}',
    '{"a":"one","b":{"c":"z"},"__proto__":true}',
    '{"a":2}',
    'no JSON',
    '[1,2]',
    '7',
  ];
  expect(shown(texts)).toEqual([
    'a double',
    'b.c text',
    '__proto__ bool',
    'a text',
    'b.d double list',
    'b.d text list',
    ' double',
    ' double list',
  ]);
});

it('begins at a prefix, which may go through arrays, and takes the most common', () => {
  const texts = [
    '{"s":[{"x":1,"y":true}],"x":"no"}',
    '{"s":[{"x":2}]}',
    '{"s":{"0":{"x":3,"z":1}}}',
    '{"s":5}',
  ];
  expect(shown(texts, ['s', '0'])).toEqual(['s.0.x double', 's.0.y bool', 's.0.z double']);
  expect(shown(texts, ['s', '0'], 1)).toEqual(['s.0.x double']);
  expect(shown(texts, ['t'])).toEqual([]);
});
