import { expect, it } from 'vitest';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { MetaDefinition } from '#proto/elanus/roles.js';
import { defaultConfig } from './config.js';
import { NodeParts } from './node-parts.js';

it.each([
  ['no port for other processes: nothing is made for them', undefined, false],
  ['a port for other processes: each method of a service is there', 0, true],
])('%s', (_, internalPort, isServed) => {
  const platform = openMemoryPlatform({ cluster: simulatedCluster(1), host: 'a' });
  const parts = new NodeParts(platform, {
    ...defaultConfig,
    ...(internalPort === undefined ? {} : { internalPort }),
  });
  parts.serve(MetaDefinition, {});
  expect([...parts.internalMethods.keys()].some((path) => path.startsWith('/elanus.v1.Meta/'))).toBe(
    isServed,
  );
});
