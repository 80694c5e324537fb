// Tasks of texts that worker threads run by name; `index/worker-tasks.ts` spreads them into the one registry.
import { type TextRows, wordsOfRows } from '#text/match/text-rows.js';
import type { WordRun } from '#text/match/word-run.js';
import { type LoadPackage, setTextPackages } from './text-packages.js';

/** The words of texts, by an analyzer whose dictionaries this thread loads for itself. */
function runOfWords(rows: TextRows, { loadPackage }: { readonly loadPackage?: LoadPackage }): WordRun {
  if (loadPackage !== undefined) setTextPackages(loadPackage);
  const all = wordsOfRows(rows);
  for (let next = all.next(); ; next = all.next()) if (next.done === true) return next.value;
}

export const textTasks = { runOfWords };
