// Endpoints that stand alone: file_resources/, segments/, quotacenter/, common/.
import { z } from 'zod';
import { operationKinds } from '#model/states/explained.js';
import { SegmentState } from '#proto/milvus/common.js';
import { command, type Endpoint, endpoint } from '#server/rest/endpoint.js';
import { RestFailure } from '#server/rest/rest-failure.js';
import { dbName, enumName, int64, name, texts } from './shapes.js';

const fileResources: readonly Endpoint[] = [
  command({
    path: 'file_resources/add',
    summary: 'Makes a file known by a name, for analyzers.',
    body: z.strictObject({ dbName, name, path: name }),
    rpc: 'addFileResource',
    request: (body) => ({ name: body.name, path: body.path }),
  }),
  command({
    path: 'file_resources/remove',
    summary: 'Forgets it.',
    body: z.strictObject({ dbName, name }),
    rpc: 'removeFileResource',
    request: (body) => ({ name: body.name }),
  }),
  endpoint({
    path: 'file_resources/list',
    summary: 'Files that are known by a name.',
    body: z.strictObject({ dbName }),
    calls: ['listFileResources'],
    answer: async (_body, call) => {
      const { resources } = await call.rpc('listFileResources', {});
      return resources.map(({ id, name: resource, path }) => ({ id, name: resource, path }));
    },
  }),
];

/** Ours: Milvus has no such endpoint. */
const explain = endpoint({
  path: 'operations/explain',
  summary: 'What operations that have not ended wait for, and since when.',
  body: z.strictObject({ dbName, kind: z.enum(operationKinds), collectionName: z.string().default('') }),
  calls: ['explainOperations'],
  answer: async ({ kind, collectionName }, call) => {
    const { operations, leftOut } = await call.rpc('explainOperations', {
      ...{ kind, collectionName, dbName: call.dbName },
    });
    return {
      operations: operations.map(({ collectionId: _id, sinceMs, progress, ...one }) => ({
        ...one,
        since: sinceMs === 0n ? undefined : new Date(Number(sinceMs)).toISOString(),
        progress: progress < 0 ? undefined : progress,
      })),
      leftOut: Number(leftOut),
    };
  },
});

export const otherEndpoints: readonly Endpoint[] = [
  explain,
  ...fileResources,
  endpoint({
    path: 'segments/describe',
    summary: 'Rows and states of the segments of a collection.',
    body: z.strictObject({ dbName, collectionID: int64, segmentIDs: z.array(int64).default([]) }),
    calls: ['describeCollection', 'getPersistentSegmentInfo'],
    answer: async ({ collectionID, segmentIDs }, call) => {
      const { collectionName } = await call.rpc('describeCollection', { dbName: call.dbName, collectionID });
      const { infos } = await call.rpc('getPersistentSegmentInfo', { dbName: call.dbName, collectionName });
      const wanted = new Set(segmentIDs);
      return {
        segmentInfos: infos
          .filter(({ segmentID }) => wanted.size === 0 || wanted.has(segmentID))
          .map((info) => ({
            segmentID: info.segmentID,
            collectionID: info.collectionID,
            partitionID: info.partitionID,
            numOfRows: Number(info.numRows),
            state: enumName(SegmentState, info.state),
          })),
      };
    },
  }),
  endpoint({
    path: 'quotacenter/describe',
    summary: 'Rates and limits of the cluster.',
    body: z.strictObject({ dbName }),
    calls: [],
    answer: () =>
      Promise.reject(
        new RestFailure(
          3000,
          'quotacenter/describe is not supported by this version of Elanus, which has no center of quotas; describe databases and collections, whose properties are the limits, and see /metrics',
        ),
      ),
  }),
  endpoint({
    path: 'common/run_analyzer',
    summary: 'The tokens that an analyzer makes of texts.',
    body: z.strictObject({
      dbName,
      text: z.union([texts, z.string()]),
      analyzerParams: z.string().default(''),
      withDetail: z.boolean().default(false),
      withHash: z.boolean().default(false),
      collectionName: z.string().default(''),
      fieldName: z.string().default(''),
      analyzerNames: texts.default([]),
    }),
    calls: ['runAnalyzer'],
    answer: async ({ text, ...body }, call) => {
      const utf8 = new TextEncoder();
      const placeholder = (typeof text === 'string' ? [text] : text).map((one) => utf8.encode(one));
      const { results } = await call.rpc('runAnalyzer', { ...body, dbName: call.dbName, placeholder });
      return results.map(({ tokens }) => ({
        tokens: tokens.map((token) => ({
          token: token.token,
          ...(body.withDetail
            ? {
                startOffset: Number(token.startOffset),
                endOffset: Number(token.endOffset),
                position: Number(token.position),
                positionLength: Number(token.positionLength),
              }
            : {}),
          ...(body.withHash ? { hash: token.hash } : {}),
        })),
      }));
    },
  }),
];
