// RunAnalyzer: the tokens that an analyzer makes of texts, by its parameters or as a field of a collection has it. ComputePhraseMatchSlop: how far
// the words of a phrase have to be moved to be found in texts.
import { ElanusError } from '#base/errors.js';
import { fieldByName } from '#model/schema/schema-view.js';
import { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { AnalyzerResult, RunAnalyzerRequest } from '#proto/milvus/milvus.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import type { Analyzer } from '#text/analyzer.js';
import { analyzerOf } from '#text/analyzer-params.js';
import { fieldAnalyzers, hasAnalyzer } from '#text/field-analyzers.js';
import { PhraseSlop } from '#text/match/phrase-slop.js';
import { termHash } from '#text/term-hash.js';
import { Utf8Offsets } from '#text/utf8-offsets.js';
import { mayNameFiles } from '#text/word-files.js';

type AnalyzerParts = Pick<ProxyParts, 'access' | 'platform' | 'definitions'>;

const TEXTS_MAX = 16_384;
/** A text is made into words in one go; an answer is in memory as a whole. */
const TEXT_BYTES_MAX = 1_048_576;
const TOKENS_MAX = 1_000_000;

export class AnalyzerMethods {
  readonly #parts: AnalyzerParts;

  constructor(parts: AnalyzerParts) {
    this.#parts = parts;
  }

  readonly runAnalyzer: PublicHandler<'runAnalyzer'> = async (request, context) => {
    const { placeholder } = request;
    checkTexts('RunAnalyzer', placeholder);
    const analyzers = await this.#analyzers(request, context);
    const pace = new Pace(this.#parts.platform, context);
    const utf8 = new TextDecoder();
    const results: AnalyzerResult[] = [];
    let room = TOKENS_MAX;
    for (const [at, bytes] of placeholder.entries()) {
      const analyzer = analyzers[at % analyzers.length];
      if (analyzer === undefined) continue;
      const result = analyzed(analyzer, utf8.decode(bytes), request, room);
      room -= result.tokens.length;
      results.push(result);
      if (pace.isDue) await pace.rest();
    }
    return { results };
  };

  readonly computePhraseMatchSlop: PublicHandler<'computePhraseMatchSlop'> = async (request, context) => {
    const { analyzerParams, queryText, dataTexts } = request;
    checkTexts('ComputePhraseMatchSlop', [queryText, ...dataTexts]);
    const phrase = new PhraseSlop(await this.#withWords(analyzerParams, context), queryText);
    const pace = new Pace(this.#parts.platform, context);
    const found: (number | undefined)[] = [];
    for (const text of dataTexts) {
      found.push(phrase.leastIn(text));
      if (pace.isDue) await pace.rest();
    }
    return {
      isMatch: found.map((slop) => slop !== undefined),
      slops: found.map((slop) => BigInt(slop ?? 0)),
    };
  };

  async #withWords(params: string, context: CallContext): Promise<string> {
    if (!mayNameFiles(params)) return params;
    return (await this.#parts.definitions.readAnalyzer({ params }, context)).params;
  }

  /** One for all texts, or one for each. */
  async #analyzers(request: RunAnalyzerRequest, context: CallContext): Promise<readonly Analyzer[]> {
    const { collectionName, fieldName, analyzerNames, analyzerParams, placeholder } = request;
    if (collectionName === '') {
      if (analyzerNames.length > 0 || fieldName !== '')
        throw new ElanusError(
          'invalid_parameter',
          'run analyzer: field_name and analyzer_names need a collection_name beside them: invalid parameter',
        );
      return [analyzerOf(await this.#withWords(analyzerParams, context))];
    }
    if (analyzerParams !== '')
      throw new ElanusError(
        'invalid_parameter',
        'run analyzer: analyzer_params and collection_name are both set, expected one of them: invalid parameter',
      );
    const { schema } = await this.#parts.access.open(request, context);
    const field = fieldByName(schema, fieldName);
    if (field === undefined)
      throw new ElanusError('invalid_parameter', `field ${fieldName} not exist: invalid parameter`);
    if (!hasAnalyzer(field))
      throw new ElanusError(
        'invalid_parameter',
        `run analyzer: field ${fieldName} has no analyzer, expected one with enable_analyzer: invalid parameter`,
      );
    const analyzers = fieldAnalyzers(field);
    if (analyzerNames.length === 0) return [analyzers.of(undefined)];
    if (analyzerNames.length > 1 && analyzerNames.length !== placeholder.length)
      throw new ElanusError(
        'invalid_parameter',
        `run analyzer: ${analyzerNames.length} analyzer_names for ${placeholder.length} texts, expected one, or one for each: invalid parameter`,
      );
    return analyzerNames.map((name) => analyzers.named(name));
  }
}

/** @throws parameter_too_large */
function checkTexts(call: string, texts: readonly { readonly length: number }[]): void {
  if (texts.length > TEXTS_MAX)
    throw new ElanusError(
      'parameter_too_large',
      `${call} has ${texts.length} texts, expected at most ${TEXTS_MAX}`,
    );
  const tooLong = texts.findIndex(({ length }) => length > TEXT_BYTES_MAX);
  if (tooLong >= 0)
    throw new ElanusError(
      'parameter_too_large',
      `${call} has a text of ${texts[tooLong]?.length} bytes at ${tooLong}, expected at most ${TEXT_BYTES_MAX}`,
    );
}

/** Offsets of answers are bytes of UTF-8. @throws parameter_too_large where there are more tokens than room */
function analyzed(
  analyzer: Analyzer,
  text: string,
  { withDetail, withHash }: RunAnalyzerRequest,
  room: number,
): AnalyzerResult {
  const offsets = withDetail ? new Utf8Offsets(text) : undefined;
  const tokens: AnalyzerResult['tokens'] = [];
  analyzer.words(text, (token, begin, end, position) => {
    if (tokens.length >= room)
      throw new ElanusError(
        'parameter_too_large',
        `the texts of RunAnalyzer have more than ${TOKENS_MAX} tokens, expected at most so many; send fewer texts`,
      );
    tokens.push({
      token,
      startOffset: BigInt(offsets?.of(begin) ?? 0),
      endOffset: BigInt(offsets?.of(end) ?? 0),
      position: BigInt(withDetail ? position : 0),
      positionLength: withDetail ? 1n : 0n,
      hash: withHash ? termHash(token) : 0,
    });
  });
  return { tokens };
}
