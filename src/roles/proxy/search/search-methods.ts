// Search and hybrid search, as steps in the order in which they run: request, fan-out, merge, rank, fetch, highlight, encode. A new form of search is a new
// step here, or another composition of these, and not a branch in each.
import type { Reranker } from '#model/params/rank/rerankers.js';
import { isLargerBetter } from '#model/schema/metric-type.js';
import { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { SearchResults } from '#proto/milvus/milvus.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { checkSamePartitions, readScope } from '#roles/proxy/reads/read-scope.js';
import { retryWhileMoved } from '#roles/proxy/reads/retry-moved.js';
import { aggregateHits } from '#roles/proxy/search/aggregate/aggregate-hits.js';
import { withVectors } from '#roles/proxy/search/by-ids/vectors-of-ids.js';
import { findGroups } from '#roles/proxy/search/group/find-groups.js';
import type { Grouping } from '#roles/proxy/search/group/grouping.js';
import { groupsOfPage, orderGroups } from '#roles/proxy/search/group/order-groups.js';
import {
  hitsOfGroups,
  type OrderedGroups,
  rankGroups,
  scoredGroups,
} from '#roles/proxy/search/group/rank-groups.js';
import { valuesOfHits } from '#roles/proxy/search/group/values-of-hits.js';
import { highlightHits } from '#roles/proxy/search/highlight/highlight-hits.js';
import {
  type CheckedHybrid,
  checkHybrid,
  checkHybridForm,
} from '#roles/proxy/search/hybrid/hybrid-request.js';
import { findPage } from '#roles/proxy/search/iterate/find-page.js';
import { type IteratorPage, newTokenId } from '#roles/proxy/search/iterate/iterator-request.js';
import { chainHits } from '#roles/proxy/search/rerank/chain-hits.js';
import { fusionOf } from '#roles/proxy/search/rerank/fusions.js';
import { type HitsToOrder, orderHits } from '#roles/proxy/search/rerank/order-hits.js';
import { type Leg, rerankHits } from '#roles/proxy/search/rerank/rerank-hits.js';
import { withTextVectors } from '#roles/proxy/search/texts/searched-texts.js';
import { withWords } from '#roles/proxy/search/words/searched-words.js';
import { offsetsOf, withRowKeys } from '#segment/search/element-keys.js';
import { encodeAnswer, type FoundHits } from './encode-answer.js';
import { fetchOutput } from './fetch-output.js';
import { findHits } from './find-hits.js';
import { type HitPage, pageHits, roundScores } from './rank-hits.js';
import type { AnswerForm, Found, Ranked } from './ranked.js';
import { noExtras, type SearchExtras, searchExtras } from './search-extras.js';
import { SearchPlans } from './search-plan.js';
import { type CheckedSearch, checkSearch, formOf, pageOf, type SearchChecks } from './search-request.js';

type SearchParts = Pick<
  ProxyParts,
  'access' | 'platform' | 'providers' | 'rootCoord' | 'settings' | 'streamingNode'
>;

interface GroupsToPage extends OrderedGroups, Pick<HitsToOrder, 'order'> {
  readonly grouping: Grouping;
  readonly page: HitPage;
  readonly form: AnswerForm;
}

export class SearchMethods {
  readonly #parts: SearchParts;
  readonly #checks: SearchChecks;

  constructor(parts: SearchParts) {
    this.#parts = parts;
    this.#checks = { plans: new SearchPlans(), workers: parts.platform.workers };
  }

  readonly search: PublicHandler<'search'> = async (request, context) => {
    const scope = await readScope(this.#parts, request, context, 'search');
    const checking = checkSearch(request, scope, this.#checks);
    const checked = checking instanceof Promise ? await checking : checking;
    const pinned = checked.toShards.atGuarantee ? await this.#pinned(checked) : checked;
    this.#parts.access.limits.checkRate(scope.collection, 'searchRate', Math.max(1, pinned.queryCount));
    const search = pinned.texts === undefined ? pinned : await withTextVectors(this.#parts, pinned, context);
    return await retryWhileMoved(this.#parts, context, () => this.#run(search, context));
  };

  readonly hybridSearch: PublicHandler<'hybridSearch'> = async (request, context) => {
    checkHybridForm(request);
    const scope = await readScope(this.#parts, request, context, 'search');
    const checked = await checkHybrid(request, scope, this.#checks);
    const vectors = checked.legs.reduce((sum, { queryCount }) => sum + queryCount, 0);
    this.#parts.access.limits.checkRate(scope.collection, 'searchRate', vectors);
    this.#checkReranker(checked.reranker);
    const legs = await Promise.all(checked.legs.map((leg) => withTextVectors(this.#parts, leg, context)));
    const search = { ...checked, legs };
    return await retryWhileMoved(this.#parts, context, () => this.#runHybrid(search, context));
  };

  /** Whom a model is asked from, before anything is searched. */
  #checkReranker(reranker: Reranker | undefined): void {
    if (reranker?.kind === 'model') this.#parts.providers.checkReranker(reranker.params);
  }

  async #run(asked: CheckedSearch, context: CallContext): Promise<SearchResults> {
    const pace = new Pace(this.#parts.platform, context);
    const search = isReady(asked) ? asked : await this.#withQueries(asked, pace, context);
    const form = formOf(search);
    const ranked = await this.#ranked(search, form, pace, context);
    return this.#answer(ranked, form, searchExtras(ranked.answers, search), pace, context);
  }

  /** Ids and texts become the vectors that are looked for. */
  async #withQueries(asked: CheckedSearch, pace: Pace, context: CallContext): Promise<CheckedSearch> {
    const search = await withVectors(this.#parts, asked, context);
    return await withWords(this.#parts, search, pace, context);
  }

  /** The one place where the form of a search is chosen. */
  #ranked(search: CheckedSearch, form: AnswerForm, pace: Pace, context: CallContext): Promise<Ranked> {
    const { buckets: request, plan } = search;
    if (plan.page !== undefined) return this.#page(search, plan.page, pace, context);
    if (request !== undefined) return aggregateHits(this.#parts, { search, request, form }, pace, context);
    if (plan.grouping !== undefined) return this.#groups(search, plan.grouping, form, pace, context);
    return this.#hits(search, form, pace, context);
  }

  /** Hits by their scores, or by what a function makes of them. */
  async #hits(search: CheckedSearch, form: AnswerForm, pace: Pace, context: CallContext): Promise<Ranked> {
    const found = await findHits(this.#parts, search, pace, context);
    const { reranker, plan } = search;
    const scored =
      reranker === undefined ? found : await this.#rerank([{ search, found }], reranker, form, pace, context);
    const hits = pageHits(scored.hits, pageOf(search));
    const { order } = plan;
    const { chain } = search;
    if (chain !== undefined)
      return { ...scored, hits: await chainHits(this.#parts, { hits, chain, form }, pace, context) };
    // Most hits are on the page, with the scores that they were found by.
    if (order.length === 0) return hits === scored.hits ? scored : { ...scored, hits };
    return { ...scored, hits: await orderHits(this.#parts, { hits, order, form }, pace, context) };
  }

  async #runHybrid(
    { legs, reranker, page, form, grouping, order }: CheckedHybrid,
    context: CallContext,
  ): Promise<SearchResults> {
    const pace = new Pace(this.#parts.platform, context);
    const found = await Promise.all(
      legs.map(async (leg) => {
        const search = await this.#withQueries(leg, pace, context);
        return { search, found: await this.#leg(search, grouping, pace, context) };
      }),
    );
    const scored = await this.#rerank(found, reranker, form, pace, context);
    if (grouping !== undefined) {
      const { isLargerBetter: isLarger } = fusionOf(
        reranker,
        found.map(({ search }) => search.plan.metric),
      );
      const { collection } = form;
      const asked = { collection, keys: grouping.keys, hits: scored.hits };
      const values = await valuesOfHits(this.#parts, asked, pace, context);
      const groups = scoredGroups(scored.hits, values, grouping, isLarger);
      const ranked = await this.#pageOfGroups(
        { found: scored, groups, grouping, page, order, form },
        pace,
        context,
      );
      return this.#answer(ranked, form, noExtras, pace, context);
    }
    const hits = pageHits(scored.hits, page);
    const ranked = { ...scored, hits: await orderHits(this.#parts, { hits, order, form }, pace, context) };
    return this.#answer(ranked, form, noExtras, pace, context);
  }

  async #groups(
    search: CheckedSearch,
    grouping: Grouping,
    form: AnswerForm,
    pace: Pace,
    context: CallContext,
  ): Promise<Ranked> {
    const page = pageOf(search);
    const limit = page.offset + page.limit;
    const found = await findGroups(this.#parts, { search, grouping, limit }, pace, context);
    const { order } = search.plan;
    return this.#pageOfGroups({ found, groups: found.groups, grouping, page, order, form }, pace, context);
  }

  async #pageOfGroups(
    { found, groups, grouping, page: asked, order, form }: GroupsToPage,
    pace: Pace,
    context: CallContext,
  ): Promise<Ranked> {
    const { groups: best, page } = groupsOfPage({ found, groups }, asked);
    const ordered = await orderGroups(this.#parts, { ...best, order, form }, pace, context);
    return rankGroups(ordered, grouping, page, form.zone ?? form.collection.record.properties.timezone);
  }

  /** Candidates of a search in a hybrid search: as many groups as its limit says, if there are groups. */
  async #leg(
    search: CheckedSearch,
    grouping: Grouping | undefined,
    pace: Pace,
    context: CallContext,
  ): Promise<Found> {
    if (grouping === undefined) return findHits(this.#parts, search, pace, context);
    const asked = { search, grouping, limit: search.plan.topK };
    const found = await findGroups(this.#parts, asked, pace, context);
    const isLarger = isLargerBetter(search.plan.metric);
    return { answers: found.answers, hits: hitsOfGroups({ found, groups: found.groups }, isLarger) };
  }

  async #page(search: CheckedSearch, page: IteratorPage, pace: Pace, context: CallContext): Promise<Ranked> {
    const newId = newTokenId(this.#parts.platform.random);
    const found = await findPage({ parts: this.#parts, pace, context }, { search, page, newId });
    return { ...found, hits: roundScores(found.hits, search.plan.params.roundDecimal) };
  }

  /** The first page of an iterator reads now, and the answer says when that was; the client sends it along with the others. */
  async #pinned(search: CheckedSearch): Promise<CheckedSearch> {
    checkSamePartitions(search.scope, search.guaranteeTimestamp);
    if (search.guaranteeTimestamp > 0n) return search;
    const { timestamp } = await this.#parts.rootCoord.allocTimestamp({ count: 1 });
    return { ...search, guaranteeTimestamp: timestamp };
  }

  #rerank(
    legs: readonly Leg[],
    reranker: Reranker,
    form: AnswerForm,
    pace: Pace,
    context: CallContext,
  ): Promise<Found> {
    return rerankHits(this.#parts, { legs, reranker, form }, pace, context);
  }

  /** Fetch, highlight and encode, which end every form. Where hits are all that was asked for, there is nothing to wait for. */
  #answer(
    ranked: Ranked,
    form: AnswerForm,
    extras: SearchExtras,
    pace: Pace,
    context: CallContext,
  ): SearchResults | Promise<SearchResults> {
    const offsets = offsetsOf(ranked.hits);
    const { fieldID: fieldId, dataType } = form.primary;
    const hits = withRowKeys(ranked.hits, { fieldId, dataType });
    const found = { ...ranked, hits, rows: undefined, offsets, extras, highlights: [] };
    return form.output.fieldIds.length === 0 && form.highlighting === undefined
      ? encodeAnswer(found, form, pace)
      : this.#answerWithFields(found, form, pace, context);
  }

  async #answerWithFields(
    found: FoundHits,
    form: AnswerForm,
    pace: Pace,
    context: CallContext,
  ): Promise<SearchResults> {
    const { hits } = found;
    if (pace.isDue) await pace.rest();
    const fetching = fetchOutput(this.#parts, hits, form, pace, context);
    const rows = fetching && (await fetching);
    const { highlighting } = form;
    const highlights =
      highlighting === undefined || rows === undefined
        ? []
        : await highlightHits(highlighting, hits, rows, pace);
    return await encodeAnswer({ ...found, rows, highlights }, form, pace);
  }
}

/** Nothing has to be looked up before it runs. */
const isReady = ({ ids, words }: CheckedSearch): boolean => ids === undefined && words === undefined;
