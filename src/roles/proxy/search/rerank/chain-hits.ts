// A function chain over the hits of a page: columns of values, one a hit, that its steps read and write. Which hits are on the page is a
// matter of the scores of the vectors; the answer has the order and the scores that the chain leaves.
import { assertNever, must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { compareText } from '#expr/text-order.js';
import { findColumn, int64At, isNull, keyAt, stringAt } from '#model/columns/column.js';
import type { NumberExpr } from '#model/params/rank/chain-expr.js';
import {
  CHAIN_ID,
  CHAIN_SCORE,
  type ChainArg,
  type ChainPlan,
  type ChainStep,
} from '#model/params/rank/function-chain.js';
import { DataType, isStringType } from '#model/schema/data-type.js';
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { Column } from '#proto/elanus/data.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { fetchRows } from '#roles/proxy/reads/fetch-rows.js';
import { rounded } from '#roles/proxy/search/rank-hits.js';
import type { AnswerForm } from '#roles/proxy/search/ranked.js';
import { withRowKeys } from '#segment/search/element-keys.js';
import type { Hits } from '#segment/search/hits.js';
import { pickHits } from '#segment/search/merge-hits.js';
import { decayAt, numbersOf } from './decay.js';
import { modelScores } from './model-rerank.js';

/** Null where the row has none. */
type Value = number | bigint | string | boolean | null;
type Columns = Map<string, Value[]>;

type ChainParts = Pick<ProxyParts, 'streamingNode' | 'providers'>;

export interface HitsToChain {
  readonly hits: Hits;
  readonly chain: ChainPlan;
  readonly form: Pick<AnswerForm, 'collection' | 'primary'>;
}

/** @throws invalid_parameter for a result that is no number, function_failed, provider_unavailable, cancelled, deadline_exceeded, segment_not_found */
export async function chainHits(
  parts: ChainParts,
  { hits, chain, form }: HitsToChain,
  pace: Pace,
  context: CallContext,
): Promise<Hits> {
  if (hits.rows.length === 0) return hits;
  const { fieldID: fieldId, dataType } = form.primary;
  const addressed = withRowKeys(hits, { fieldId, dataType });
  const columns: Columns = new Map();
  columns.set(CHAIN_SCORE, [...hits.scores]);
  columns.set(
    CHAIN_ID,
    Array.from(hits.rows, (_, at) => keyAt(addressed.keys, at)),
  );
  const fieldIds = chain.fields.map((field) => field.fieldID);
  if (fieldIds.length > 0) {
    const { vchannels } = form.collection.record;
    const asked = { vchannels, addresses: addressed, fieldIds, kind: 'search' } as const;
    const rows = await fetchRows(parts, asked, pace, context);
    for (const { fieldID, name } of chain.fields)
      columns.set(name, valuesOf(must(findColumn(rows, fieldID), 'column of a chain'), hits.rows.length));
  }
  let places = pagesOf(hits.counts);
  for (const step of chain.steps) {
    if (step.kind === 'model')
      columns.set(step.output, await scoredByModel(parts, step, { columns, places }, context));
    else places = runStep(step, columns, places);
    if (pace.isDue) await pace.rest();
  }
  const chosen = Uint32Array.from(places.flat());
  const counts = Uint32Array.from(places, ({ length }) => length);
  const scores = Float32Array.from(columnOf(columns, CHAIN_SCORE), (value) => Number(value ?? 0));
  return pickHits({ ...hits, scores }, chosen, counts);
}

/** The hits of each query, by their numbers. */
function pagesOf(counts: Uint32Array): number[][] {
  let begin = 0;
  return Array.from(counts, (count) => {
    begin += count;
    return Array.from({ length: count }, (_, at) => begin - count + at);
  });
}

const columnOf = (columns: Columns, name: string): Value[] => must(columns.get(name), `column ${name}`);

function runStep(
  step: Exclude<ChainStep, { readonly kind: 'model' }>,
  columns: Columns,
  places: number[][],
): number[][] {
  switch (step.kind) {
    case 'map':
      columns.set(step.output, mapped(step, columns, places));
      return places;
    case 'sort': {
      const by = columnOf(columns, step.column);
      const ties = step.tieBreak === undefined ? undefined : columnOf(columns, step.tieBreak);
      const sign = step.isDescending ? -1 : 1;
      // Hits that are equal in all of it stay as they are.
      return places.map((hits) =>
        hits.toSorted(
          (a, b) => compareTo(by, a, b, sign) || (ties === undefined ? 0 : compareTo(ties, a, b, 1)),
        ),
      );
    }
    case 'limit':
      return places.map((hits) => hits.slice(step.offset, step.offset + step.limit));
    default:
      return assertNever(step);
  }
}

/** What is missing or NaN is last, whatever the direction. */
function compareTo(values: readonly Value[], a: number, b: number, sign: number): number {
  const [x, y] = [values[a] ?? null, values[b] ?? null];
  const [isLost, isOtherLost] = [isMissing(x), isMissing(y)];
  if (isLost || isOtherLost) return Number(isLost) - Number(isOtherLost);
  if (typeof x === 'string' && typeof y === 'string') return sign * compareText(x, y);
  if (x === null || y === null || x === y) return 0;
  return x < y ? -sign : sign;
}

const isMissing = (value: Value): boolean => value === null || Number.isNaN(value);

/** Hits without a text have no score. */
async function scoredByModel(
  parts: ChainParts,
  { column, model }: ChainStep & { readonly kind: 'model' },
  { columns, places }: { readonly columns: Columns; readonly places: readonly number[][] },
  context: CallContext,
): Promise<Value[]> {
  const texts = columnOf(columns, column);
  const asked = places.map((hits) => hits.filter((at) => typeof texts[at] === 'string'));
  const sent = asked.map((hits) => hits.map((at) => String(texts[at])));
  const out = new Array<Value>(texts.length).fill(null);
  for (const [query, scores] of (await modelScores(parts, model, sent, context)).entries())
    for (const [index, at] of (asked[query] ?? []).entries()) out[at] = scores[index] ?? null;
  return out;
}

/** Asks the hits that are still there alone. */
function mapped(
  { args, expr, output }: ChainStep & { readonly kind: 'map' },
  columns: Columns,
  places: readonly number[][],
): Value[] {
  const reads = args.map((arg) => reader(arg, columns));
  const out = new Array<Value>(columnOf(columns, CHAIN_SCORE).length).fill(null);
  for (const hits of places)
    for (const at of hits) {
      const value = computed(
        expr,
        reads.map((read) => read(at)),
      );
      if (value !== null && !Number.isFinite(value))
        throw new ElanusError(
          'invalid_parameter',
          `the function chain makes ${value} for "${output.slice(0, 200)}" of primary key ${String(columnOf(columns, CHAIN_ID)[at]).slice(0, 200)}, expected a finite number: invalid parameter`,
        );
      out[at] = value;
    }
  return out;
}

function reader(arg: ChainArg, columns: Columns): (at: number) => number | null {
  if (arg.kind === 'literal') return () => arg.value;
  const values = columnOf(columns, arg.name);
  return (at) => {
    const value = values[at] ?? null;
    return value === null ? null : Number(value);
  };
}

/** As in Milvus a null makes 0 of a combination and of a decay, and stays null where it is rounded. */
function computed(expr: NumberExpr, values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  const isNullThere = known.length < values.length;
  switch (expr.kind) {
    case 'combine':
      return isNullThere ? 0 : combined(expr, known);
    case 'decay':
      return isNullThere ? 0 : decayAt(expr.curve, must(known[0], 'value'));
    case 'round':
      return isNullThere ? null : rounded(must(known[0], 'value'), expr.decimals);
    default:
      return assertNever(expr);
  }
}

function combined({ mode, weights }: NumberExpr & { readonly kind: 'combine' }, values: readonly number[]) {
  switch (mode) {
    case 'sum':
      return values.reduce((sum, value) => sum + value, 0);
    case 'multiply':
      return values.reduce((product, value) => product * value, 1);
    case 'max':
      return Math.max(...values);
    case 'min':
      return Math.min(...values);
    case 'avg':
      return values.reduce((sum, value) => sum + value / values.length, 0);
    case 'weighted':
      return values.reduce((sum, value, at) => sum + value * must(weights[at], 'weight'), 0);
    default:
      return assertNever(mode);
  }
}

function valuesOf(from: Column, count: number): Value[] {
  const read = valueReader(from);
  return Array.from({ length: count }, (_, row) => (isNull(from, row) ? null : read(row)));
}

function valueReader(from: Column): (row: number) => Value {
  if (isStringType(from.dataType)) return (row) => stringAt(from, row);
  if (from.dataType === DataType.Bool) return (row) => from.data[row] === 1;
  if (from.dataType === DataType.Int64 || from.dataType === DataType.Timestamptz)
    return (row) => int64At(from, row);
  return numbersOf(from);
}
