// The file of one index of one segment.
//
//              data-node builds                 root-coord drops the index, or finds the file damaged
//   (none) ─────────────────────▶ finished ─────────────────────▶ (none)
//                                    │ built again: the newer file takes its place
//                                    ▼
//                                 finished
//
// Releases so far write no `failed`: a build that fails leaves no record, and index-reconciler tries again. Older ones may have.
import type { IndexFileRecord } from '#proto/elanus/data.js';
import { knownState } from './move.js';

export type IndexFile =
  | (IndexFileRecord & { readonly state: 'finished' })
  | (IndexFileRecord & { readonly state: 'failed' });
export type FinishedIndexFile = Extract<IndexFile, { state: 'finished' }>;

/** @throws unsupported, data_corrupt */
export function parseIndexFile(record: IndexFileRecord): IndexFile {
  const what = `the file of index ${record.indexId}`;
  return { ...record, state: knownState(what, record.state, ['finished', 'failed']) };
}

/** The file that serves an index; a failed build serves nothing. */
export const finishedFile = (
  indexes: readonly IndexFileRecord[],
  indexId: bigint,
): FinishedIndexFile | undefined =>
  indexes.find((file): file is FinishedIndexFile => isFinished(file, indexId));

const isFinished = (file: IndexFileRecord, indexId: bigint): boolean =>
  file.indexId === indexId && file.state === 'finished';
