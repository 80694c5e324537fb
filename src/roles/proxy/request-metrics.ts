// What calls of clients cost and come to, for Prometheus, by Milvus's names where it has them.
import type { ElanusError } from '#base/errors.js';
import type { Counter, Metrics } from '#platform/metrics.js';
import type { Platform } from '#platform/platform.js';
import type { MutationResult, SearchResults } from '#proto/milvus/milvus.js';
import type { Interceptor, ServiceMethod } from '#rpc/interceptors.js';

const LATENCY_BUCKETS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

/** The outermost step: what a call takes, with reading and writing. */
export function measured({ clock, metrics }: Platform): Interceptor {
  const labels = ['function_name'];
  const latency = metrics.histogram({
    name: 'milvus_proxy_req_latency_ms',
    help: 'Time to answer a request, in ms.',
    labels,
    buckets: LATENCY_BUCKETS_MS,
  });
  const count = metrics.counter({ name: 'milvus_proxy_req_count', help: 'Requests answered.', labels });
  return (method, request, context, next) => {
    const begin = clock.monotonic();
    const ended = (): void => {
      const which = { function_name: method.name };
      latency.observe(clock.monotonic() - begin, which);
      count.add(1, which);
    };
    return besides(next(request, context), ended, ended);
  };
}

/** Counts failures by the code that the client gets. */
export function countedFailures(metrics: Metrics): (method: ServiceMethod, error: ElanusError) => void {
  const count = metrics.counter({
    name: 'elanus_proxy_req_failed_count',
    help: 'Requests that were refused or failed, by the code in the answer.',
    labels: ['function_name', 'code'],
  });
  return ({ name }, { spec }) => count.add(1, { function_name: name, code: String(spec.code) });
}

/** Counts rows that were written and vectors that were searched, by the key of the method. */
export function countedRows(metrics: Metrics): ReadonlyMap<string, Interceptor> {
  const counter = (what: string, help: string): Counter =>
    metrics.counter({ name: `milvus_proxy_${what}_vectors_count`, help });
  const written = (count: Counter, rowsOf: (result: MutationResult) => bigint): Interceptor => {
    const note = (answer: object): void => count.add(Number(rowsOf(answer as MutationResult)));
    return (_method, request, context, next) => besides(next(request, context), note, nothing);
  };
  const searched = counter('search', 'Query vectors searched with success.');
  return new Map<string, Interceptor>([
    ['insert', written(counter('insert', 'Rows inserted.'), ({ insertCnt }) => insertCnt)],
    ['upsert', written(counter('upsert', 'Rows upserted.'), ({ upsertCnt }) => upsertCnt)],
    ['delete', written(counter('delete', 'Keys deleted by delete calls.'), ({ deleteCnt }) => deleteCnt)],
    [
      'search',
      (_method, request, context, next) =>
        besides(
          next(request, context),
          (answer) => searched.add(Number((answer as SearchResults).results?.numQueries ?? 0n)),
          nothing,
        ),
    ],
  ]);
}

const nothing = (): void => {};

/** Hands the answer on without waiting for who looks at it. */
function besides(
  answer: Promise<object>,
  ended: (answer: object) => void,
  failed: (error: unknown) => void,
): Promise<object> {
  answer.then(ended, failed);
  return answer;
}
