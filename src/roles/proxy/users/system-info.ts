// GetMetrics: a JSON request names a kind of metrics, the answer is JSON in the shape that consoles of Milvus read. Only what is known and
// true is in it; figures of load are at GET /metrics.
import { ElanusError } from '#base/errors.js';

export interface NodeFacts {
  readonly id: bigint;
  /** As Milvus calls it: `proxy`, `rootcoord`, `querynode` and so on. */
  readonly type: string;
}

export interface SystemFacts {
  readonly nodes: readonly NodeFacts[];
  /** What clients read as the server's version. */
  readonly milvusVersion: string;
}

/** The kind that the request names. @throws invalid_parameter, metric_not_found */
export function checkMetricsRequest(request: string): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(request);
  } catch (cause) {
    throw new ElanusError(
      'invalid_parameter',
      `failed to decode the request: it is no JSON; send {"metric_type": "system_info"}`,
      {
        cause,
      },
    );
  }
  const kind: unknown =
    typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'metric_type') : undefined;
  if (typeof kind !== 'string') {
    throw new ElanusError(
      'invalid_parameter',
      'metric_type not found in request; send {"metric_type": "system_info"}',
    );
  }
  if (kind !== 'system_info') {
    throw new ElanusError(
      'metric_not_found',
      `metric not found[metric=${kind.slice(0, 64)}]; this version knows system_info`,
    );
  }
}

export function systemInfo({ nodes, milvusVersion }: SystemFacts): string {
  const systemInfoOf = {
    system_version: '',
    deploy_mode: 'STANDALONE',
    build_version: milvusVersion,
    build_type: '',
    used_go_version: '',
  };
  const text = JSON.stringify({
    nodes_info: nodes.map(({ id, type }) => ({
      identifier: wholeNumber(id),
      connected: null,
      infos: {
        has_error: false,
        error_reason: '',
        name: `${type}${id}`,
        system_info: systemInfoOf,
        type,
        id: wholeNumber(id),
      },
    })),
  });
  return text.replaceAll(WHOLE_NUMBER, '$1');
}

/** Ids are numbers of 64 bits, which doubles cannot hold: they are written as they are once the rest is text. */
const wholeNumber = (id: bigint): string => `int64:${id}`;
const WHOLE_NUMBER = /"int64:(-?\d+)"/g;
