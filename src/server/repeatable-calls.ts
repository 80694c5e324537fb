// Calls between roles that may be sent twice: reads, and changes that are the same when they come again. Where the process that was asked is gone,
// these go on to whoever took its place; any other call ends with its error, as nobody knows whether it was carried out.
import { ElanusError, messageOf } from '#base/errors.js';
import { NotSentError } from '#rpc/remote-role.js';

const reads = /^(get|list|describe|show|has|alloc|check|read)[A-Z]/;
const repeatable: ReadonlySet<string> = new Set([
  // several roles
  'explain',
  // root-coord
  ...['indexStates', 'flushCollection', 'segmentFlushCompleted'],
  // What is there as it is asked for is a success.
  ...['createCollection', 'createPartition', 'createIndex'],
  // data-coord
  ...['watchChannels', 'flush', 'acquireChannels', 'commitFlush', 'saveIndexFile', 'dropIndexFiles'],
  ...['dropCollectionData', 'importState', 'compactionState', 'fillOutputs'],
  // streaming-node
  ...['awaitCheckpoint', 'search', 'retrieve', 'fetchRows', 'termStatistics', 'channelRows', 'segmentsInUse'],
  ...['openChannel', 'closeChannel', 'sealChannel', 'syncTarget', 'releaseTarget'],
  // query-coord
  ...['loadState', 'loadedSegments', 'segmentsChanged', 'loadCollection', 'releaseCollection'],
  // query-node
  ...['searchSegments', 'retrieveSegments', 'fetchSegmentRows', 'segmentTermStatistics', 'memoryState'],
]);

/** A drop that names what it drops by its id too finds it gone when it comes again, whatever has the name by then. */
const idOfDrop: Readonly<Record<string, string>> = { dropCollection: 'id', dropPartition: 'partitionId' };
function isDropById(method: string, request: unknown): boolean {
  const id: unknown = Reflect.get(Object(request), idOfDrop[method] ?? '');
  return typeof id === 'bigint' && id !== 0n;
}

export const isRepeatable = (method: string, request: unknown): boolean =>
  reads.test(method) || repeatable.has(method) || isDropById(method, request);

/** What says that the process that was asked is gone, or has nothing to say any more. */
export const isOfGoneProcess = (error: unknown): boolean =>
  error instanceof ElanusError &&
  (error.key === 'service_unavailable' || error.key === 'service_not_ready' || error.key === 'node_mismatch');

/** No handler has seen the call: any of them may be sent again. */
export const isUnseen = (error: unknown): boolean =>
  error instanceof NotSentError || (error instanceof ElanusError && error.key === 'session_suspended');

/** For whoever made the call within a call of its own: that one was seen. */
export const asSeen = (error: unknown): unknown =>
  isUnseen(error) ? new ElanusError('service_not_ready', messageOf(error), { cause: error }) : error;
