// Endpoints below partitions/.
import { command, type Endpoint, endpoint } from '#server/rest/endpoint.js';
import { named, ofCollection, ofPartition, rowCountOf, texts } from './shapes.js';

const ofPartitions = ofCollection.extend({ partitionNames: texts });

export const partitionEndpoints: readonly Endpoint[] = [
  endpoint({
    path: 'partitions/list',
    summary: 'Names of the partitions of a collection.',
    body: ofCollection,
    calls: ['showPartitions'],
    answer: async (body, call) => (await call.rpc('showPartitions', named(body, call))).partitionNames,
  }),
  command({
    path: 'partitions/create',
    summary: 'Creates a partition.',
    body: ofPartition,
    rpc: 'createPartition',
    request: (body, call) => ({ ...named(body, call), partitionName: body.partitionName }),
  }),
  command({
    path: 'partitions/drop',
    summary: 'Drops a partition and its rows.',
    body: ofPartition,
    rpc: 'dropPartition',
    request: (body, call) => ({ ...named(body, call), partitionName: body.partitionName }),
  }),
  endpoint({
    path: 'partitions/has',
    summary: 'Whether there is a partition of the name.',
    body: ofPartition,
    calls: ['hasPartition'],
    answer: async (body, call) => {
      const request = { ...named(body, call), partitionName: body.partitionName };
      return { has: (await call.rpc('hasPartition', request)).value };
    },
  }),
  endpoint({
    path: 'partitions/get_stats',
    summary: 'Number of rows that were written to a partition.',
    body: ofPartition,
    calls: ['getPartitionStatistics'],
    answer: async (body, call) => {
      const request = { ...named(body, call), partitionName: body.partitionName };
      return { rowCount: rowCountOf((await call.rpc('getPartitionStatistics', request)).stats) };
    },
  }),
  command({
    path: 'partitions/load',
    summary: 'Begins to load partitions.',
    body: ofPartitions,
    rpc: 'loadPartitions',
    request: (body, call) => ({
      ...named(body, call),
      partitionNames: body.partitionNames,
      replicaNumber: 1,
    }),
  }),
  command({
    path: 'partitions/release',
    summary: 'Takes partitions out of memory.',
    body: ofPartitions,
    rpc: 'releasePartitions',
    request: (body, call) => ({ ...named(body, call), partitionNames: body.partitionNames }),
  }),
];
