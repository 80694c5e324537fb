import { describe, expect, it } from 'vitest';
import { DataType, FieldSchema } from '#proto/milvus/schema.js';
import { pointerOf, readJsonPath } from './json-path.js';

const doc = FieldSchema.fromPartial({ name: 'doc', dataType: DataType.JSON });
const meta = FieldSchema.fromPartial({ name: '$meta', dataType: DataType.JSON, isDynamic: true });

describe('the path of an index', () => {
  it.each([
    [doc, undefined, []],
    [doc, 'doc', []],
    [doc, 'doc["a"]["b c"][0]', ['a', 'b c', '0']],
    [doc, "doc['a']", ['a']],
    [meta, 'colour', ['colour']],
    [meta, 'colour["deep"]', ['colour', 'deep']],
    [meta, '$meta["colour"]', ['colour']],
  ] as const)('is read as in a filter: %#', (field, text, path) => {
    expect(readJsonPath(field, text)).toEqual(path);
  });

  it.each(['other["a"]', 'doc[', 'doc["a"] > 1', '1', 'doc[a]', '"doc"'])('is refused: %s', (text) => {
    expect(() => readJsonPath(doc, text)).toThrow(/^cannot parse json path/);
  });

  it('is named as Milvus names it', () => expect(pointerOf(['a', '0'])).toBe('/a/0'));
});
