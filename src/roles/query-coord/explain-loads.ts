// What loads wait for: the step at which a round is, or the end of the pause after one that failed.

import { ElanusError } from '#base/errors.js';
import {
  type Explained,
  explanation,
  parseOperationKind,
  timeText,
  type Wait,
} from '#model/states/explained.js';
import { loadProgress } from '#model/states/load.js';
import type { ExplainRequest } from '#proto/elanus/roles.js';
import type { AskedLoads, Loaded } from './loaded.js';

export function explainLoads(
  all: ReadonlyMap<bigint, Loaded>,
  asked: Pick<AskedLoads, 'of'>,
  { kind: text, collectionIds }: Pick<ExplainRequest, 'kind' | 'collectionIds'>,
) {
  const kind = parseOperationKind(text);
  if (kind !== 'load')
    throw new ElanusError('invalid_parameter', `query-coord runs no operations of kind ${kind}`);
  return explanation(
    kind,
    collectionIds.flatMap((id) => [...asking(id, asked.of(id)), ...explain(id, all.get(id))]),
  );
}

const asking = (collectionId: bigint, wait: Wait | undefined): Explained[] =>
  wait === undefined ? [] : [{ collectionId, what: 'the load that was asked for', state: 'asked', ...wait }];

function explain(collectionId: bigint, loaded: Loaded | undefined): Explained[] {
  if (loaded === undefined) return [];
  const { load, watch } = loaded;
  const { step, failing } = watch;
  // A look that finds nothing to do is no load.
  if (load.state === 'loaded' && failing === undefined && step?.brings !== true) return [];
  const of = {
    collectionId,
    what: load.scope.kind === 'collection' ? 'the collection' : partitionsText(load.scope.partitionIds),
    state: load.state === 'loaded' ? 'serving more' : 'loading',
    progress: loadProgress(load),
  };
  const last = load.failure === undefined ? '' : `the last round failed: ${load.failure.reason}`;
  if (step !== undefined)
    return [
      { ...of, sinceMs: step.sinceMs, waitsFor: last === '' ? step.waitsFor : `${step.waitsFor}; ${last}` },
    ];
  if (failing === undefined) return [{ ...of, waitsFor: 'its first round', sinceMs: watch.sinceMs }];
  const waitsFor = `the next round at ${timeText(failing.retryAtMs)}; ${last}`;
  return [{ ...of, waitsFor, sinceMs: failing.sinceMs }];
}

const partitionsText = (ids: readonly bigint[]): string =>
  `${ids.length === 1 ? 'partition' : 'partitions'} ${ids.slice(0, 8).join(', ')}${ids.length > 8 ? ` and ${ids.length - 8} more` : ''}`;
