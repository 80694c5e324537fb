// `text_match`, `text_match_fuzzy` and `phrase_match`: the query becomes words by the analyzer of the field, and rows are asked for theirs.
import { assertNever } from '#base/assert.js';
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
/** Each word of a text is compared with these. */
const NEAR_WORDS_MAX = 64;
const DISTANCE_MAX = 2n;

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
  checkForm(node);
  const query = node.args[1] === undefined ? undefined : constantArgument(context, node.args[1], 'the query');
  if (query?.type !== 'text')
    throw new FilterSyntaxError(`${node.name} needs a string to look for`, node.begin);
  const analyzer = analyzerParam(declared, 'analyzer_params') ?? '';
  const words = wantedWords(context, node, analyzer, query.value);
  const count = words.kind === 'phrase' ? words.places.length : words.words.length;
  const most = words.kind === 'near' ? NEAR_WORDS_MAX : WORDS_MAX;
  if (count > most)
    throw new FilterSyntaxError(
      `${node.name} looks for ${count} words, expected at most ${most}`,
      node.begin,
    );
  const leaf: Leaf = { kind: 'words', operand: { kind: 'field', type: 'text', field }, analyzer, words };
  return leafOf(leaf, negated);
}

/** What calls have beside the field and the text. */
const forms: ReadonlyMap<string, { readonly argumentsMax: number; readonly option?: string }> = new Map([
  ['text_match', { argumentsMax: 2, option: 'minimum_should_match' }],
  ['text_match_fuzzy', { argumentsMax: 2, option: 'max_edit_distance' }],
  ['phrase_match', { argumentsMax: 3 }],
]);

function checkForm({ name, args, options, begin }: CallNode): void {
  const { argumentsMax = 2, option } = forms.get(name) ?? {};
  if (args.length > argumentsMax)
    throw new FilterSyntaxError(
      `${name} has ${args.length} arguments, expected at most ${argumentsMax}`,
      begin,
    );
  const [first, second] = options;
  const other = [first, second].find((one) => one !== undefined && one.name !== option);
  if (other !== undefined) throw new FilterSyntaxError(`${name} has no option ${other.name}`, other.begin);
  if (second !== undefined) throw new FilterSyntaxError(`${name} has ${second.name} twice`, second.begin);
}

function wantedWords(context: CheckContext, node: CallNode, params: string, query: string): WantedWords {
  const wish = wishOf(context, node);
  const places = new Map<number, Set<string>>();
  keptAnalyzer(params).words(query, (word, _begin, _end, position) => {
    places.set(position, (places.get(position) ?? new Set()).add(word));
  });
  const words = [...new Set([...places.values()].flatMap((one) => [...one]))];
  switch (wish.kind) {
    case 'any':
      return { ...wish, words };
    case 'near':
      return wish.distance === 0 ? { kind: 'any', words, least: 1 } : { ...wish, words };
    case 'phrase':
      return {
        ...wish,
        places: [...places].map(([position, ones]): PhrasePlace => ({ position, words: [...ones] })),
      };
    default:
      return assertNever(wish);
  }
}

type Wish =
  | { readonly kind: 'any'; readonly least: number }
  | { readonly kind: 'near'; readonly distance: number }
  | { readonly kind: 'phrase'; readonly slop: number };

function wishOf(context: CheckContext, node: CallNode): Wish {
  switch (node.name) {
    case 'phrase_match':
      return { kind: 'phrase', slop: node.args[2] === undefined ? 0 : slopOf(context, node.args[2]) };
    case 'text_match_fuzzy':
      return { kind: 'near', distance: editDistance(context, node) };
    default:
      return { kind: 'any', least: node.options.reduce((_, option) => shouldMatch(context, option), 1) };
  }
}

function editDistance(context: CheckContext, node: CallNode): number {
  const [option] = node.options;
  const value = option === undefined ? undefined : constantArgument(context, option.value, option.name);
  if (value?.type === 'int' && value.value >= 0n && value.value <= DISTANCE_MAX) return Number(value.value);
  const got = value?.type === 'int' ? `, got ${value.value}` : '';
  throw new FilterSyntaxError(
    `text_match_fuzzy needs max_edit_distance=n, a const integer from 0 to ${DISTANCE_MAX}${got}`,
    option?.begin ?? node.begin,
  );
}

function shouldMatch(context: CheckContext, option: CallNode['options'][number]): number {
  const value = constantArgument(context, option.value, option.name);
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
