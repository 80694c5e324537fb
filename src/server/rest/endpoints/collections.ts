// Endpoints below collections/: names, life, loading, properties. How one is created and described is in files of its own.
import { z } from 'zod';
import { LoadState } from '#proto/milvus/common.js';
import { command, type Endpoint, endpoint } from '#server/rest/endpoint.js';
import { RestFailure } from '#server/rest/rest-failure.js';
import {
  int64,
  name,
  named,
  ofCollection,
  ofDatabase,
  propertyPairs,
  rowCountOf,
  texts,
  values,
} from './shapes.js';

const names: readonly Endpoint[] = [
  endpoint({
    path: 'collections/list',
    summary: 'Names of the collections of a database.',
    body: ofDatabase,
    calls: ['showCollections'],
    answer: async (_body, call) =>
      (await call.rpc('showCollections', { dbName: call.dbName })).collectionNames,
  }),
  endpoint({
    path: 'collections/has',
    summary: 'Whether there is a collection, or an alias, of the name.',
    body: ofCollection,
    calls: ['hasCollection'],
    answer: async (body, call) => ({ has: (await call.rpc('hasCollection', named(body, call))).value }),
  }),
  endpoint({
    path: 'collections/get_stats',
    summary: 'Number of rows that were written; deleted ones are counted.',
    body: ofCollection,
    calls: ['getCollectionStatistics'],
    answer: async (body, call) => {
      const { stats } = await call.rpc('getCollectionStatistics', named(body, call));
      return { rowCount: rowCountOf(stats) };
    },
  }),
  command({
    path: 'collections/drop',
    summary: 'Drops a collection; one that is not there is none that has to go.',
    body: ofCollection,
    rpc: 'dropCollection',
    request: named,
  }),
  command({
    path: 'collections/rename',
    summary: 'Gives a collection another name, also in another database.',
    body: ofCollection.extend({ newCollectionName: name, newDbName: z.string().default('') }),
    rpc: 'renameCollection',
    request: (body, { dbName }) => ({
      dbName,
      oldName: body.collectionName,
      newName: body.newCollectionName,
      newDBName: body.newDbName,
    }),
  }),
  command({
    path: 'collections/truncate',
    summary: 'Drops all rows; schema, indexes and load state stay.',
    body: ofCollection,
    rpc: 'truncateCollection',
    request: named,
  }),
  command({
    path: 'collections/flush',
    summary: 'Writes the rows that were accepted before to files.',
    body: ofCollection,
    rpc: 'flush',
    request: ({ collectionName }, { dbName }) => ({ dbName, collectionNames: [collectionName] }),
  }),
];

const loading: readonly Endpoint[] = [
  command({
    path: 'collections/load',
    summary: 'Begins to load a collection; get_load_state says when it is served.',
    body: ofCollection,
    rpc: 'loadCollection',
    request: (body, call) => ({ ...named(body, call), replicaNumber: 1 }),
  }),
  command({
    path: 'collections/refresh_load',
    summary: 'Loads what was imported since the collection was loaded.',
    body: ofCollection,
    rpc: 'loadCollection',
    request: (body, call) => ({ ...named(body, call), replicaNumber: 1, refresh: true }),
  }),
  command({
    path: 'collections/release',
    summary: 'Takes a collection out of memory.',
    body: ofCollection,
    rpc: 'releaseCollection',
    request: named,
  }),
  endpoint({
    path: 'collections/get_load_state',
    summary: 'Whether a collection, or some of its partitions, are served.',
    body: ofCollection.extend({ partitionNames: z.union([texts, z.string()]).optional() }),
    calls: ['getLoadState', 'getLoadingProgress'],
    answer: async ({ partitionNames = [], ...body }, call) => {
      const partitions = typeof partitionNames === 'string' ? [partitionNames] : partitionNames;
      const request = { ...named(body, call), partitionNames: partitions };
      const { state } = await call.rpc('getLoadState', request);
      if (state === LoadState.LoadStateNotExist)
        throw new RestFailure(
          100,
          `collection not found[database=${call.dbName || 'default'}][collection=${body.collectionName}]`,
        );
      if (state !== LoadState.LoadStateLoading && state !== LoadState.LoadStateLoaded)
        return { loadState: 'LoadStateNotLoad' };
      const { progress } = await call.rpc('getLoadingProgress', request);
      return {
        loadState: state === LoadState.LoadStateLoaded ? 'LoadStateLoaded' : 'LoadStateLoading',
        loadProgress: Number(progress),
      };
    },
  }),
];

const properties: readonly Endpoint[] = [
  command({
    path: 'collections/alter_properties',
    summary: 'Sets properties of a collection.',
    body: ofCollection.extend({ properties: values }),
    rpc: 'alterCollection',
    request: (body, call) => ({ ...named(body, call), properties: propertyPairs(body.properties) }),
  }),
  command({
    path: 'collections/drop_properties',
    summary: 'Takes properties of a collection back to their defaults.',
    body: ofCollection.extend({ propertyKeys: texts }),
    rpc: 'alterCollection',
    request: (body, call) => ({ ...named(body, call), deleteKeys: body.propertyKeys }),
  }),
];

/** Milvus's names, with its spelling. */
const COMPACTION_STATES = ['UndefiedState', 'Executing', 'Completed'];

const compaction: readonly Endpoint[] = [
  endpoint({
    path: 'collections/compact',
    summary: 'Begins a compaction.',
    body: ofCollection.extend({ isClustering: z.boolean().default(false) }),
    calls: ['manualCompaction'],
    answer: async ({ isClustering, ...body }, call) => {
      const request = { ...named(body, call), majorCompaction: isClustering };
      return { compactionID: (await call.rpc('manualCompaction', request)).compactionID };
    },
  }),
  endpoint({
    path: 'collections/get_compaction_state',
    summary: 'How far a compaction is.',
    // The Node client calls it compactionID, and names the collection beside it.
    body: ofDatabase.extend({
      jobID: int64.optional(),
      compactionID: int64.optional(),
      collectionName: z.string().optional(),
    }),
    calls: ['getCompactionState'],
    answer: async ({ jobID, compactionID = 0n }, call) => {
      const id = jobID ?? compactionID;
      const state = await call.rpc('getCompactionState', { compactionID: id });
      return {
        compactionID: id,
        state: COMPACTION_STATES[state.state] ?? 'UndefiedState',
        executingPlanNumber: Number(state.executingPlanNo),
        timeoutPlanNumber: Number(state.timeoutPlanNo),
        completedPlanNumber: Number(state.completedPlanNo),
      };
    },
  }),
];

export const collectionEndpoints: readonly Endpoint[] = [...names, ...loading, ...properties, ...compaction];
