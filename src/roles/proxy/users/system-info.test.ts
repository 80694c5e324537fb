import { expect, it } from 'vitest';
import { systemInfo } from './system-info.js';

it('writes the ids of nodes exactly, as numbers', () => {
  const nodes = [{ id: 9007199254740993n, type: 'querynode' }];
  const text = systemInfo({ nodes, milvusVersion: 'v3' });
  expect(text).toContain('"identifier":9007199254740993,');
  expect(text).toContain('"id":9007199254740993}');
  expect(text).toContain('"name":"querynode9007199254740993"');
  expect(JSON.parse(text)).toMatchObject({ nodes_info: [{ infos: { type: 'querynode' } }] });
});
