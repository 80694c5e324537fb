// Endpoints below snapshots/, jobs/snapshot/ and jobs/external_collection/. Ids of jobs are text.
import { z } from 'zod';
import {
  type RefreshExternalCollectionJobInfo,
  RefreshExternalCollectionState,
  type RestoreSnapshotInfo,
  RestoreSnapshotState,
} from '#proto/milvus/milvus.js';
import type { Answer } from '#server/rest/answers/json-text.js';
import { command, type Endpoint, endpoint } from '#server/rest/endpoint.js';
import { RestFailure } from '#server/rest/rest-failure.js';
import { dbName, enumName, int64, name, named, ofCollection } from './shapes.js';

const ofSnapshot = ofCollection.extend({ snapshotName: name });
const ofJob = z.strictObject({ dbName, jobId: int64 });
const perhapsOfCollection = z.strictObject({ dbName, collectionName: z.string().default('') });

const snapshots: readonly Endpoint[] = [
  command({
    path: 'snapshots/create',
    summary: 'Keeps the rows of a collection as they are now.',
    body: ofSnapshot.extend({
      description: z.string().default(''),
      compactionProtectionSeconds: int64.optional(),
    }),
    rpc: 'createSnapshot',
    request: (body, call) => ({
      ...named(body, call),
      name: body.snapshotName,
      description: body.description,
      compactionProtectionSeconds: body.compactionProtectionSeconds ?? 0n,
    }),
  }),
  command({
    path: 'snapshots/drop',
    summary: 'Drops a snapshot.',
    body: ofSnapshot,
    rpc: 'dropSnapshot',
    request: (body, call) => ({ ...named(body, call), name: body.snapshotName }),
  }),
  endpoint({
    path: 'snapshots/list',
    summary: 'Names of the snapshots of a collection.',
    body: perhapsOfCollection,
    calls: ['listSnapshots'],
    answer: async (body, call) => (await call.rpc('listSnapshots', named(body, call))).snapshots,
  }),
  endpoint({
    path: 'snapshots/describe',
    summary: 'What a snapshot holds.',
    body: ofSnapshot,
    calls: ['describeSnapshot'],
    answer: async (body, call) => {
      const found = await call.rpc('describeSnapshot', { ...named(body, call), name: body.snapshotName });
      return {
        snapshotName: found.name,
        description: found.description,
        collectionName: found.collectionName,
        partitionNames: found.partitionNames,
        createTs: found.createTs,
        s3Location: found.s3Location,
      };
    },
  }),
  endpoint({
    path: 'snapshots/restore',
    summary: 'Makes a new collection of a snapshot.',
    body: ofSnapshot.extend({ targetCollectionName: name, targetDbName: z.string().default('') }),
    calls: ['restoreSnapshot'],
    answer: async (body, call) => {
      const { jobId } = await call.rpc('restoreSnapshot', {
        ...named(body, call),
        name: body.snapshotName,
        targetCollectionName: body.targetCollectionName,
        targetDbName: body.targetDbName,
      });
      return { jobId: String(jobId) };
    },
  }),
  endpoint({
    path: 'snapshots/pin',
    summary: 'Keeps the files of a snapshot for a while, whatever becomes of it.',
    body: ofSnapshot.extend({ ttlSeconds: int64.optional() }),
    calls: ['pinSnapshotData'],
    answer: async (body, call) => {
      const request = { ...named(body, call), name: body.snapshotName, ttlSeconds: body.ttlSeconds ?? 0n };
      return { pinId: String((await call.rpc('pinSnapshotData', request)).pinId) };
    },
  }),
  command({
    path: 'snapshots/unpin',
    summary: 'Lets them go.',
    body: z.strictObject({ dbName, pinId: int64 }),
    rpc: 'unpinSnapshotData',
    request: ({ pinId }) => ({ pinId }),
  }),
];

const restoreAnswer = (info: RestoreSnapshotInfo): Answer => ({
  jobId: String(info.jobId),
  snapshotName: info.snapshotName,
  dbName: info.dbName,
  collectionName: info.collectionName,
  state: enumName(RestoreSnapshotState, info.state),
  progress: info.progress,
  reason: info.reason,
  startTime: Number(info.startTime),
  timeCost: Number(info.timeCost),
});

const snapshotJobs: readonly Endpoint[] = [
  endpoint({
    path: 'jobs/snapshot/restore_external',
    summary: 'Makes a collection of a snapshot that was exported.',
    body: z.strictObject({
      dbName,
      targetCollectionName: name,
      snapshotMetadataUri: name,
      externalSpec: z.string().default(''),
    }),
    calls: ['restoreExternalSnapshot'],
    answer: async (body, call) => {
      const { jobId } = await call.rpc('restoreExternalSnapshot', { ...body, dbName: call.dbName });
      return { jobId: String(jobId) };
    },
  }),
  endpoint({
    path: 'jobs/snapshot/export',
    summary: 'Copies a snapshot to an object store.',
    body: ofSnapshot.extend({ targetS3Path: name, externalSpec: z.string().default('') }),
    calls: ['exportSnapshot'],
    answer: async (body, call) => {
      const { snapshotMetadataUri } = await call.rpc('exportSnapshot', {
        ...named(body, call),
        name: body.snapshotName,
        targetS3Path: body.targetS3Path,
        externalSpec: body.externalSpec,
      });
      return { snapshotMetadataUri };
    },
  }),
  endpoint({
    path: 'jobs/snapshot/export/describe',
    summary: 'How far an export is.',
    body: ofJob,
    calls: [],
    answer: () =>
      Promise.reject(
        new RestFailure(
          3000,
          'jobs/snapshot/export/describe is not supported by this version of Elanus, which has no snapshots; copy the data folder of a server that was stopped',
        ),
      ),
  }),
  endpoint({
    path: 'jobs/snapshot/describe',
    summary: 'How far a snapshot is restored.',
    body: ofJob,
    calls: ['getRestoreSnapshotState'],
    answer: async ({ jobId }, call) => {
      const { info } = await call.rpc('getRestoreSnapshotState', { jobId });
      return info === undefined ? {} : restoreAnswer(info);
    },
  }),
  endpoint({
    path: 'jobs/snapshot/list',
    summary: 'Snapshots that are being restored, and were.',
    body: perhapsOfCollection,
    calls: ['listRestoreSnapshotJobs'],
    answer: async (body, call) => {
      const { jobs } = await call.rpc('listRestoreSnapshotJobs', named(body, call));
      return { records: jobs.map(restoreAnswer) };
    },
  }),
];

const refreshAnswer = (job: RefreshExternalCollectionJobInfo): Answer => ({
  jobId: String(job.jobId),
  collectionName: job.collectionName,
  state: enumName(RefreshExternalCollectionState, job.state),
  progress: Number(job.progress),
  reason: job.reason,
  externalSource: job.externalSource,
  startTime: Number(job.startTime),
  endTime: Number(job.endTime),
});

const externalJobs: readonly Endpoint[] = [
  endpoint({
    path: 'jobs/external_collection/refresh',
    summary: 'Reads the files of an external collection anew.',
    body: ofCollection.extend({
      externalSource: z.string().default(''),
      externalSpec: z.string().default(''),
    }),
    calls: ['refreshExternalCollection'],
    answer: async (body, call) => {
      const { jobId } = await call.rpc('refreshExternalCollection', { ...body, dbName: call.dbName });
      return { jobId: String(jobId) };
    },
  }),
  endpoint({
    path: 'jobs/external_collection/describe',
    summary: 'How far that is.',
    body: ofJob,
    calls: ['getRefreshExternalCollectionProgress'],
    answer: async ({ jobId }, call) => {
      const { jobInfo } = await call.rpc('getRefreshExternalCollectionProgress', { jobId });
      return jobInfo === undefined ? {} : refreshAnswer(jobInfo);
    },
  }),
  endpoint({
    path: 'jobs/external_collection/list',
    summary: 'All such readings.',
    body: perhapsOfCollection,
    calls: ['listRefreshExternalCollectionJobs'],
    answer: async (body, call) => {
      const { jobs } = await call.rpc('listRefreshExternalCollectionJobs', named(body, call));
      return { records: jobs.map(refreshAnswer) };
    },
  }),
];

export const snapshotEndpoints: readonly Endpoint[] = [...snapshots, ...snapshotJobs, ...externalJobs];
