// `text_match` and `phrase_match`: the query becomes words by the analyzer of the field, and rows are asked for theirs.
import { ElanusError } from '#base/errors.js';
import type { Node } from '#expr/ast.js';
import { leafOf } from '#expr/check/leaves.js';
import type { CheckContext } from '#expr/check/values.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import type { Leaf, Predicate, WantedWords } from '#expr/typed.js';
import { DataType } from '#model/schema/data-type.js';
import { analyzerParam, dataTypeName } from '#model/schema/schema-view.js';
import { isMatchEnabled } from '#text/field-analyzers.js';
import { keptAnalyzer } from '#text/match/kept-analyzer.js';
import type { PhrasePlace } from '#text/match/phrase.js';
import { argumentField, type CallNode, constantArgument } from './call-arguments.js';

/** Words of one query. */
const WORDS_MAX = 16_384;

/** @throws FilterSyntaxError; unsupported */
export function checkTextMatch(context: CheckContext, node: CallNode, negated: boolean): Predicate {
  const field = argumentField(context, node);
  const isPhrase = node.name === 'phrase_match';
  if (field.dataType !== DataType.VarChar && field.dataType !== DataType.Text)
    throw new FilterSyntaxError(
      `${isPhrase ? 'phrase match' : 'text match'} operation on non-string is unsupported, got ${dataTypeName(field.dataType)}`,
      node.begin,
    );
  const declared = context.schema.fields.find((candidate) => candidate.fieldID === field.fieldId);
  if (declared === undefined || !isMatchEnabled(declared))
    throw new FilterSyntaxError(`field "${field.name}" does not enable match`, node.begin);
  if (node.name === 'text_match_fuzzy')
    throw new ElanusError('unsupported', 'text_match_fuzzy is not supported in this version; use text_match');
  const query = node.args[1] === undefined ? undefined : constantArgument(context, node.args[1], 'the query');
  if (query?.type !== 'text')
    throw new FilterSyntaxError(`${node.name} needs a string to look for`, node.begin);
  const wish = isPhrase
    ? { slop: node.args[2] === undefined ? 0 : slopOf(context, node.args[2]) }
    : { least: node.options.reduce((_, option) => shouldMatch(context, option), 1) };
  const analyzer = analyzerParam(declared, 'analyzer_params') ?? '';
  const words = wantedWords(analyzer, query.value, wish);
  const count = words.kind === 'any' ? words.words.length : words.places.length;
  if (count > WORDS_MAX)
    throw new FilterSyntaxError(
      `${node.name} looks for ${count} words, expected at most ${WORDS_MAX}`,
      node.begin,
    );
  const leaf: Leaf = { kind: 'words', operand: { kind: 'field', type: 'text', field }, analyzer, words };
  return leafOf(leaf, negated);
}

function wantedWords(
  params: string,
  query: string,
  { slop, least = 1 }: { readonly slop?: number; readonly least?: number },
): WantedWords {
  const places = new Map<number, Set<string>>();
  keptAnalyzer(params).words(query, (word, _begin, _end, position) => {
    places.set(position, (places.get(position) ?? new Set()).add(word));
  });
  if (slop === undefined) {
    const words = new Set([...places.values()].flatMap((one) => [...one]));
    return { kind: 'any', words: [...words], least };
  }
  const listed = [...places].map(([position, words]): PhrasePlace => ({ position, words: [...words] }));
  return { kind: 'phrase', places: listed, slop };
}

function shouldMatch(context: CheckContext, option: CallNode['options'][number]): number {
  const value = constantArgument(context, option.value, option.name);
  if (option.name !== 'minimum_should_match')
    throw new FilterSyntaxError(`text_match has no option ${option.name}`, option.begin);
  if (value.type !== 'int')
    throw new FilterSyntaxError('minimum_should_match should be a const integer expression', option.begin);
  if (value.value < 1n)
    throw new FilterSyntaxError(`minimum_should_match should be >= 1, got ${value.value}`, option.begin);
  if (value.value > 1000n)
    throw new FilterSyntaxError(`minimum_should_match should be <= 1000, got ${value.value}`, option.begin);
  return Number(value.value);
}

function slopOf(context: CheckContext, node: Node): number {
  const slop = constantArgument(context, node, '"slop"');
  if (slop.type === 'int' && slop.value >= 0n && slop.value < 2n ** 32n) return Number(slop.value);
  throw new FilterSyntaxError('"slop" should be a const integer expression with "uint32" value', node.begin);
}
