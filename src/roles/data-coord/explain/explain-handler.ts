// What flushes, imports and compactions wait for. Everything is read from the state by which they run; nothing is kept for it but the times.
import { ElanusError } from '#base/errors.js';
import { type Explained, explanation, parseOperationKind } from '#model/states/explained.js';
import type { ChannelRegistryDefinition } from '#proto/elanus/roles.js';
import type { Handlers } from '#rpc/service.js';
import { type CompactionFacts, explainCompactions } from './explain-compactions.js';
import { explainFlushes, type FlushFacts } from './explain-flushes.js';
import { explainImports, type ImportFacts } from './explain-imports.js';

type ExplainFacts = FlushFacts & ImportFacts & CompactionFacts;

/** @param facts looked up with each call: the parts are built after the handlers */
export const explainHandler =
  (facts: () => ExplainFacts): Handlers<typeof ChannelRegistryDefinition>['explain'] =>
  async ({ kind: text, collectionIds }) => {
    const kind = parseOperationKind(text);
    return explanation(kind, await explained(kind, facts(), new Set(collectionIds)));
  };

async function explained(
  kind: ReturnType<typeof parseOperationKind>,
  facts: ExplainFacts,
  collectionIds: ReadonlySet<bigint>,
): Promise<readonly Explained[]> {
  switch (kind) {
    case 'flush':
      return explainFlushes(facts, collectionIds);
    case 'import':
      return explainImports(facts, collectionIds);
    case 'compaction':
      return explainCompactions(facts, collectionIds);
    default:
      throw new ElanusError('invalid_parameter', `data-coord runs no operations of kind ${kind}`);
  }
}
