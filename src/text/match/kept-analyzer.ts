// Analyzers of filters, by their parameters: a filter knows of its field nothing else.
import type { Analyzer } from '#text/analyzer.js';
import { analyzerOf } from '#text/analyzer-params.js';

/** What they keep of words is worth more than reading their parameters. */
const analyzers = new Map<string, Analyzer>();
const ANALYZERS_MAX = 32;

export function keptAnalyzer(params: string): Analyzer {
  const known = analyzers.get(params);
  if (known !== undefined) return known;
  if (analyzers.size >= ANALYZERS_MAX) analyzers.clear();
  const made = analyzerOf(params);
  analyzers.set(params, made);
  return made;
}
