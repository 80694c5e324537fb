// Nodes and groups: random groups over random nodes keep a few simple rules, and the config of a group is checked as Milvus does.
import { describe, expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { seededRandom } from '#base/random.js';
import { ResourceGroupConfig } from '#proto/milvus/rg.js';
import { checkedConfig, checkGroupName, defaultGroup } from './group-config.js';
import { limitsOf, placeNodes, type ResourceGroup, requestsOf } from './group-nodes.js';

const group = (name: string, requests: number, limits: number, created = 1n): ResourceGroup => ({
  ...{ name, created },
  config: ResourceGroupConfig.fromPartial({ requests: { nodeNum: requests }, limits: { nodeNum: limits } }),
});
const SPARE = defaultGroup.name;
const codeOf = (call: () => unknown): string => {
  try {
    call();
    return 'fine';
  } catch (error) {
    return error instanceof ElanusError ? error.key : 'no ElanusError';
  }
};

describe('nodes of groups', () => {
  test('go to what is requested in the order of creation, the rest to the default group', () => {
    const groups = [group('late', 1, 1, 9n), defaultGroup, group('early', 2, 2, 3n)];
    expect(Object.fromEntries(placeNodes(groups, [5n, 3n, 4n], SPARE))).toEqual({
      early: [3n, 4n],
      late: [5n],
      [SPARE]: [],
    });
    expect(placeNodes(groups, [5n, 3n, 4n, 8n], SPARE).get(SPARE)).toEqual([8n]);
    expect(placeNodes([defaultGroup], [], SPARE).get(SPARE)).toEqual([]);
  });

  test('are each in one group, within its limits, and no request waits while a node is spare', () => {
    const random = seededRandom(11);
    const below = (end: number): number => random.nextUint32() % end;
    for (let round = 0; round < 500; round++) {
      const groups = [defaultGroup];
      for (let i = below(5); i > 0; i--) {
        const requests = below(4);
        groups.push(group(`g${i}`, requests, requests + below(3), BigInt(i)));
      }
      const nodes = Array.from({ length: below(9) }, (_, i) => BigInt(100 - i));
      const places = placeNodes(groups, nodes, SPARE);
      expect([...places.values()].flat().sort()).toEqual([...nodes].sort());
      for (const one of groups.slice(1)) {
        const held = places.get(one.name)?.length ?? 0;
        expect(held).toBeLessThanOrEqual(limitsOf(one));
        if (held < requestsOf(one)) expect(places.get(SPARE)).toEqual([]);
      }
    }
  });

  test('have no labels, so a group that asks for one gets none', () => {
    const labelled = group('gpu', 1, 1);
    labelled.config.nodeFilter = { nodeLabels: [{ key: 'gpu', value: '1' }] };
    expect(placeNodes([defaultGroup, labelled], [1n], SPARE).get('gpu')).toEqual([]);
  });
});

test('configs that cannot be are refused with what is wrong', () => {
  const check = (config: object) =>
    codeOf(() => checkedConfig('a', ResourceGroupConfig.fromPartial(config), (name) => name === 'b'));
  const nodes = (requests: number, limits: number) => ({
    ...{ requests: { nodeNum: requests }, limits: { nodeNum: limits } },
  });
  expect(check(nodes(1, 2))).toBe('fine');
  expect(check({ ...nodes(0, 0), transferFrom: [{ resourceGroup: 'b' }] })).toBe('fine');
  for (const wrong of [
    {},
    { requests: { nodeNum: 1 } },
    nodes(-1, 2),
    nodes(2, 1),
    nodes(0, 1_000_001),
    { ...nodes(0, 0), transferTo: [{ resourceGroup: 'a' }] },
    { ...nodes(0, 0), transferFrom: [{ resourceGroup: 'nobody' }] },
  ])
    expect(check(wrong)).toBe('resource_group_config');
  for (const name of ['', '1a', 'a-b', 'a'.repeat(256), '\u0000'])
    expect(codeOf(() => checkGroupName(name))).toBe('invalid_parameter');
});
