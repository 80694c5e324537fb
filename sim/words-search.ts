// One search by words and its comparison.
import { nextBelow, nextFloat, type Random } from '#base/random.js';
import type { SimClient } from './client.js';
import type { CollectionModel } from './model.js';
import { noteWords } from './rows.js';
import { checkWords } from './words-check.js';
import type { Workload } from './workload.js';

const ALL = 16_384;
const TOP_K_MAX = 12;

/** @returns whether the cluster answered */
export function searchWords(
  workload: Workload,
  { client, random }: { readonly client: SimClient; readonly random: Random },
  model: CollectionModel,
): Promise<boolean> {
  const { life } = model.words;
  const draw = nextFloat(random);
  const few = [...new Set([workload.one(noteWords), workload.one(noteWords)])];
  // A word of all rows, or a number, which few rows have.
  const more = draw < 0.4 ? ['version'] : draw < 0.6 ? [String(workload.one([0, ...model.keys]))] : [];
  const words = [...more, ...few];
  const topK = nextFloat(random) < 0.5 ? ALL : 1 + nextBelow(random, TOP_K_MAX);
  return workload.read(model, 'search-words', `${words.join(' ')}, ${topK}`, [], async (read) => {
    const hits = await client.searchWords(model.name, words.join(' '), topK);
    // It was changed while the search ran.
    if (life !== undefined && life === model.words.life)
      checkWords(read, { name: model.name, words, topK, life }, hits);
    return hits.map((hit) => `${hit.key}:${hit.version}@${hit.score}`).join();
  });
}
