// The one table of errors. Each key maps to the code of the wire, the legacy code, and how a caller should react.
// Codes: client-api reference of the Milvus protocol (status codes since 2.3, legacy enum before).
import { ERROR_KIND, isOfKind } from './error-kind.js';

export type Retry = 'never' | 'same_request' | 'after_refresh';
interface ErrorSpec {
  readonly code: number;
  readonly legacy: number;
  readonly retry: Retry;
  /** The caller's mistake: `extra_info.is_input_error`. */
  readonly input?: true;
}

export const errorSpecs = {
  service_not_ready: { code: 1, legacy: 56, retry: 'same_request' },
  /** Refused at the door, before any handler: the process may have been taken for dead. */
  session_suspended: { code: 1, legacy: 56, retry: 'same_request' },
  service_unavailable: { code: 2, legacy: 1, retry: 'same_request' },
  /** A shard that could not apply a record of its log: until its process starts again nobody serves it, and nobody else will. */
  shard_stopped: { code: 2, legacy: 1, retry: 'never' },
  memory_limit: { code: 3, legacy: 52, retry: 'never' },
  queue_full: { code: 4, legacy: 1, retry: 'same_request' },
  internal: { code: 5, legacy: 1, retry: 'never' },
  cluster_mismatch: { code: 6, legacy: 1, retry: 'after_refresh' },
  rate_limit: { code: 8, legacy: 49, retry: 'same_request' },
  quota_exceeded: { code: 9, legacy: 48, retry: 'never' },
  memory_insufficient: { code: 12, legacy: 1, retry: 'same_request' },
  /** What shall be served, or released, was decided on what is not so any more. No other process would take it either. */
  target_outdated: { code: 1, legacy: 56, retry: 'after_refresh' },
  /** A target names segments that were compacted, as they were held; they are not held any more, and deletes that they lack are in their heirs alone. */
  sources_lost: { code: 1, legacy: 56, retry: 'after_refresh' },
  collection_not_found: { code: 100, legacy: 4, retry: 'never', input: true },
  collection_not_loaded: { code: 101, legacy: 1, retry: 'never', input: true },
  collection_limit: { code: 102, legacy: 1, retry: 'never', input: true },
  collection_not_fully_loaded: { code: 103, legacy: 1, retry: 'same_request' },
  /** Rows lack what a function makes that came later; a backfill is under way. */
  outputs_not_ready: { code: 103, legacy: 1, retry: 'same_request' },
  collection_loaded: { code: 104, legacy: 1, retry: 'never', input: true },
  schema_mismatch: { code: 109, legacy: 62, retry: 'after_refresh', input: true },
  partition_not_found: { code: 200, legacy: 15, retry: 'never', input: true },
  resource_group_not_found: { code: 300, legacy: 1, retry: 'never', input: true },
  resource_group_exists: { code: 301, legacy: 1, retry: 'never', input: true },
  resource_group_limit: { code: 302, legacy: 1, retry: 'never', input: true },
  resource_group_config: { code: 303, legacy: 1, retry: 'never', input: true },
  resource_group_nodes: { code: 304, legacy: 1, retry: 'never', input: true },
  channel_not_found: { code: 500, legacy: 1, retry: 'never' },
  channel_not_available: { code: 503, legacy: 46, retry: 'same_request' },
  channel_moved: { code: 507, legacy: 1, retry: 'after_refresh' },
  catalog_conflict: { code: 2, legacy: 1, retry: 'after_refresh' },
  segment_not_found: { code: 600, legacy: 47, retry: 'after_refresh' },
  index_not_found: { code: 700, legacy: 25, retry: 'never', input: true },
  database_not_found: { code: 800, legacy: 1, retry: 'never', input: true },
  database_limit: { code: 801, legacy: 1, retry: 'never', input: true },
  invalid_database_name: { code: 802, legacy: 1, retry: 'never', input: true },
  node_missing: { code: 901, legacy: 1, retry: 'never', input: true },
  node_mismatch: { code: 904, legacy: 50, retry: 'after_refresh' },
  /** Refused at the door, before any handler: the call was meant for another process than the one that has the address now. */
  other_process_meant: { code: 904, legacy: 50, retry: 'after_refresh' },
  value_out_of_range: { code: 999, legacy: 1, retry: 'never', input: true },
  object_not_found: { code: 1000, legacy: 1, retry: 'never' },
  io_failed: { code: 1001, legacy: 1, retry: 'never' },
  /** A row that a write rests on was written by somebody else meanwhile: read it again. */
  rows_changed: { code: 2, legacy: 1, retry: 'after_refresh' },
  /** A write that may be there already, sent again to an owner that does not know. */
  outcome_unknown: { code: 2, legacy: 1, retry: 'never' },
  data_corrupt: { code: 1009, legacy: 1, retry: 'never' },
  invalid_parameter: { code: 1100, legacy: 5, retry: 'never', input: true },
  missing_parameter: { code: 1101, legacy: 1, retry: 'never', input: true },
  parameter_too_large: { code: 1102, legacy: 1, retry: 'never', input: true },
  metric_not_found: { code: 1200, legacy: 1, retry: 'never', input: true },
  wal_fenced: { code: 1302, legacy: 1, retry: 'after_refresh' },
  wal_unavailable: { code: 1302, legacy: 1, retry: 'same_request' },
  /** Who calls did not show who they are. */
  unauthenticated: { code: 1400, legacy: 1, retry: 'never' },
  /** The old password beside a new one; the caller itself is known. */
  wrong_password: { code: 1400, legacy: 1, retry: 'never', input: true },
  /** Who calls may not do this. */
  permission_denied: { code: 1401, legacy: 1, retry: 'never' },
  /** Nobody may do this. */
  not_permitted: { code: 1401, legacy: 1, retry: 'never', input: true },
  invalid_group_name: { code: 1402, legacy: 1, retry: 'never', input: true },
  alias_not_found: { code: 1600, legacy: 1, retry: 'never', input: true },
  alias_clash: { code: 1601, legacy: 1, retry: 'never', input: true },
  alias_exists: { code: 1602, legacy: 1, retry: 'never', input: true },
  vector_dim_mismatch: { code: 2000, legacy: 1, retry: 'never', input: true },
  import_failed: { code: 2100, legacy: 1, retry: 'never', input: true },
  /** A function of a schema or a search: the service that it asks refused, or answered what is no answer. */
  function_failed: { code: 2400, legacy: 1, retry: 'never' },
  /** The same, of rows that are there: which, the text says; of the others it makes what it makes. */
  rows_refused: { code: 2400, legacy: 1, retry: 'never' },
  /** The service that a function asks is busy, or did not answer, also when it was asked again. */
  provider_unavailable: { code: 2, legacy: 1, retry: 'same_request' },
  unsupported: { code: 3000, legacy: 1, retry: 'never', input: true },
  /** Asks for what only the secondary of a replication has. */
  not_secondary: { code: 3000, legacy: 1, retry: 'never', input: true },
  cancelled: { code: 10000, legacy: 1, retry: 'never' },
  deadline_exceeded: { code: 10001, legacy: 1, retry: 'same_request' },
  duplicate_collection: { code: 1, legacy: 1, retry: 'never', input: true },
  refused: { code: 65535, legacy: 1, retry: 'never', input: true },
  folder_in_use: { code: 65535, legacy: 1, retry: 'same_request', input: true },
  folder_unusable: { code: 65535, legacy: 1, retry: 'never', input: true },
} as const satisfies Record<string, ErrorSpec>;
export type ErrorKey = keyof typeof errorSpecs;

/** An expected failure: fact, expectation and remedy in `message`. Never thrown for broken invariants (see assert). */
export class ElanusError extends Error {
  static readonly [ERROR_KIND]: string = 'ElanusError';
  override readonly name = 'ElanusError';
  readonly key: ErrorKey;
  /** In place of the legacy code of the key, where Milvus answers one call with another than the rest. */
  readonly legacy: number | undefined;

  constructor(
    key: ErrorKey,
    message: string,
    options?: { readonly cause?: unknown; readonly legacy?: number },
  ) {
    super(message, options);
    this.key = key;
    this.legacy = options?.legacy;
  }

  /** Also for errors of another copy of this class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: it is the class that is asked, which may be one below this one
    return isOfKind(this, value);
  }

  /** The key, by the name under which Node's own errors have theirs. */
  get code(): ErrorKey {
    return this.key;
  }

  get spec(): ErrorSpec {
    return errorSpecs[this.key];
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
/** Turns whatever was thrown into a typed error, keeping its cause; `where` names the call. */
export function toElanusError(error: unknown, where: string): ElanusError {
  if (error instanceof ElanusError) return error;
  return new ElanusError('internal', `${where}: internal error: ${messageOf(error)}`, { cause: error });
}
