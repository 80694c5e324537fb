// A search for texts becomes one for vectors: their words are counted over the whole collection first, by all shards at once, and weigh by
// what was found. Each shard then searches the rows that it counted. So a row has the same score wherever it is, and whatever was flushed,
// merged or deleted before.
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { bm25Weight } from '#index/sparse/bm25.js';
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { expiryOf } from '#roles/proxy/reads/read-scope.js';
import { askAlike } from '#roles/proxy/reads/same-imports.js';
import type { CheckedSearch } from '#roles/proxy/search/search-request.js';
import { addedUp, type RowsAndTerms, statisticsOf } from '#segment/terms/term-statistics.js';
import type { CountedAt, WordsPlan } from './words-plan.js';

type WordsParts = Pick<ProxyParts, 'streamingNode'>;
/** How often a text has each word, by number. */
type Counts = ReadonlyMap<number, number>;

/** In UTF-16 units: a text is made into words in one go, which nothing else may wait for long. */
const TEXT_LENGTH_MAX = 1_048_576;

/** The same search with a vector for each text. */
export async function withWords(
  parts: WordsParts,
  search: CheckedSearch,
  pace: Pace,
  context: CallContext,
): Promise<CheckedSearch> {
  const { words, plan } = search;
  if (words === undefined || plan.words === undefined) return search;
  const counts: Counts[] = [];
  const all = new Set<number>();
  for (const text of words.texts) {
    const counted = countsOf(text, plan.words);
    for (const hash of counted.keys()) all.add(hash);
    counts.push(counted);
    if (pace.isDue) await pace.rest();
  }
  const terms = Uint32Array.from(all).sort();
  const { statistics, countedAt } = await askShards(parts, search, terms, context);
  const { k1, b } = plan.words;
  const meanLength = statistics.rows === 0 ? 0 : statistics.totalLength / statistics.rows;
  return {
    ...search,
    queries: packed(counts, terms, statistics, k1),
    words: { ...words, bm25: { k1, b, meanLength }, countedAt },
  };
}

function countsOf(text: string, { analyzer }: WordsPlan): Counts {
  if (text.length > TEXT_LENGTH_MAX)
    throw new ElanusError(
      'parameter_too_large',
      `a text of the search has ${text.length} characters, expected at most ${TEXT_LENGTH_MAX}; search for fewer words`,
    );
  const counts = new Map<number, number>();
  analyzer.hashes(text, (hash) => counts.set(hash, (counts.get(hash) ?? 0) + 1));
  return counts;
}

async function askShards(
  { streamingNode }: WordsParts,
  { scope, plan, toShards, guaranteeTimestamp }: CheckedSearch,
  terms: Uint32Array,
  context: CallContext,
): Promise<{ readonly statistics: RowsAndTerms; readonly countedAt: readonly CountedAt[] }> {
  const { atGuarantee } = toShards;
  const { record, schema } = scope.collection;
  const answers = await askAlike(record.vchannels, (vchannel, _shard, importsUntil) =>
    streamingNode.termStatistics(
      {
        vchannel,
        importsUntil,
        // All that is loaded counts, whatever partitions are searched: a word is as rare as it is in the collection.
        partitionIds: scope.loadedOnly ? scope.partitionIds : [],
        loadedOnly: true,
        fieldId: plan.params.annsField.fieldID,
        terms: bytesView(terms),
        guaranteeTimestamp,
        ignoreGrowing: plan.params.ignoreGrowing,
        atGuarantee,
        schemaVersion: schema.version,
        ...expiryOf(scope, atGuarantee ? guaranteeTimestamp : 0n),
      },
      context,
    ),
  );
  return {
    statistics: addedUp(answers.map(statisticsOf)),
    countedAt: answers.map(({ readTimestamp: time, importsKnown: importsUntil }) => ({ time, importsUntil })),
  };
}

/** As sparse queries are sent: a count before the pairs of each, by ascending index. */
function packed(
  counts: readonly Counts[],
  terms: Uint32Array,
  { rows, frequencies }: RowsAndTerms,
  k1: number,
): Uint8Array {
  const frequencyOf = new Map(Array.from(terms, (term, place) => [term, frequencies[place] ?? 0]));
  const length = counts.reduce((sum, { size }) => sum + 1 + size * 2, 0);
  const words = new Uint32Array(length);
  const floats = new Float32Array(words.buffer);
  let at = 0;
  for (const text of counts) {
    words[at++] = text.size;
    for (const [term, count] of [...text].sort(([a], [b]) => a - b)) {
      words[at++] = term;
      floats[at++] = bm25Weight({ rows, frequency: frequencyOf.get(term) ?? 0, count }, k1);
    }
  }
  return bytesView(words);
}
