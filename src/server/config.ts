// Every setting with its default, unit and reason. One frozen object; a setting exists only where someone must choose.
import type { FunctionsConfig } from '#platform/providers/provider-settings.js';
import type { TlsFiles } from '#platform/transport.js';
import { type RoleName, roleNames } from '#rpc/role-names.js';
import type { MembershipSettings } from '#rpc/sessions/membership.js';

export type PeerAddresses = Readonly<Partial<Record<RoleName, string | readonly string[]>>>;

export interface Config {
  /** Which roles this process runs. */
  readonly roles: readonly RoleName[];
  /** Whether there is a public port: gRPC, REST, health and metrics. Without, only callers in this process reach the database. */
  readonly listen: boolean;
  /** Public listener; loopback by default, because everyone is let in unless `auth` is set. */
  readonly host: string;
  /** 0: any free port. 19530 is what Milvus clients expect. */
  readonly port: number;
  /** Whether clients have to show who they are, and may do only what they were granted (docs/security.md). */
  readonly auth: boolean;
  /** Lets a `host` that others can reach go without `auth`, or with the password for root that everyone knows. */
  readonly insecure: boolean;
  /** What root gets while it has the password of every new database; undefined: it keeps that one. */
  readonly rootPassword: string | undefined;
  /** The public port speaks TLS with the certificates of these files, and looks at them again while it runs; undefined: plain text. */
  readonly tls: TlsFiles | undefined;
  /** Keys, addresses and models of the services that functions ask (docs/functions.md); undefined: those of the environment alone. */
  readonly functions: FunctionsConfig | undefined;
  /** What the environment has of keys: `MILVUS_OPENAI_API_KEY` and the like. */
  readonly functionKeys: Readonly<Record<string, string | undefined>>;
  /**
   * Threads that speak gRPC with clients, so that the main thread is left with the searches; 0: the main thread speaks it. Needs Node 22.12
   * on Linux or FreeBSD, and cores to spare (docs/performance.md). Each takes some 20 MB.
   */
  readonly grpcThreads: number;
  /** Whether the public port serves REST (`/v2/…`) beside gRPC. */
  readonly rest: boolean;
  /** Whether REST serves `/v1/vector/…` as well, for callers of Milvus's first days. */
  readonly restV1: boolean;
  /** Origins of web pages that may call REST, such as `https://app.example`; `*` for all. None: only pages that the server itself gives out. */
  readonly corsOrigins: readonly string[];
  /** gRPC services of the roles for tools and other processes; undefined: closed, 0: any free port. */
  readonly internalPort: number | undefined;
  /** Where the internal listener is bound. Loopback unless the network between the processes is private: it has no authentication. */
  readonly internalHost: string;
  /** Name of the cluster: processes of another one are neither called nor answered. */
  readonly clusterId: string;
  /** This process is one of several on one catalog, which find each other by their sessions; undefined: it has its catalog for itself. */
  readonly sessions: MembershipSettings | undefined;
  /** Whether the catalog of this process is served to others, on the internal listener. */
  readonly servesCatalog: boolean;
  /** Where roles run elsewhere: `host:port` of their internal listener, several where several nodes run the role. */
  readonly peers: PeerAddresses;
  /** Bytes of one message from a client; Milvus takes 64 MiB. */
  readonly receiveBytesMax: number;
  /** Bytes of one answer; Milvus sends up to 256 MiB. */
  readonly sendBytesMax: number;
  /**
   * What clients may have under way, in bytes, all together: messages that come or are worked on, answers that they have not read, open
   * streams. What does not fit is refused. undefined: 1 GiB, a quarter of the process's memory where that is less.
   */
  readonly heldBytesMax: number | undefined;
  /**
   * Clients' connections at a time. An idle one takes some 20 KB, and each a descriptor, of which files need some too: lower it where the
   * operating system gives a process fewer than this and a few thousand more.
   */
  readonly connectionsMax: number;
  /** Physical channels, each one log; collections are spread over them. Few: fewer fsyncs; many: more writes side by side. */
  readonly physicalChannelCount: number;
  /** Pages of indexes whose vectors stay in files (DISKANN, HNSW_SQ without refine) that are kept in memory, all collections together, in bytes. More: fewer reads. */
  readonly diskIndexCacheBytes: number;
  /** Rows of a growing segment before it is written out, in bytes; a WASM memory holds at most 4 GiB. */
  readonly segmentBytesMax: number;
  /** Rows not yet in files, all shards together, before writers are asked to wait, in bytes. */
  readonly growingBytesMax: number;
  /** Memory of all collections together, in bytes; undefined: four fifths of what the process may use, the rest is for working. */
  readonly memoryLimitBytes: number | undefined;
  /** An index not searched for this long gives its memory up when something else needs it, in ms; its segment is scanned meanwhile. */
  readonly indexIdleMs: number;
  readonly logFileBytesMax: number;
  readonly idleSealMs: number;
  readonly ageSealMs: number;
  readonly sealCheckIntervalMs: number;
  /** One call from RootCoord to DataCoord, waiting for it included, in ms. */
  readonly brokerDeadlineMs: number;
  /** A flushed segment with fewer rows gets no index file: a scan beats any index. The same bound as Milvus. */
  readonly indexRowsMin: number;
  /** Between two looks for flushed segments without an index, in ms. */
  readonly indexCheckIntervalMs: number;
  /** Whether small segments are merged, and deleted rows give their space back, without being asked. */
  readonly autoCompaction: boolean;
  /** How large segments get by merging, in bytes: rows in few large ones are found sooner, and take more work to rewrite. */
  readonly compactedBytesMax: number;
  /** Changes of a collection within this time are looked at together when it is to be compacted, in ms. */
  readonly compactionDelayMs: number;
  /** Between two looks for files that nobody needs any more, in ms; a file goes at the second that finds it unused. */
  readonly garbageIntervalMs: number;
  /** Between two looks for files that nobody names, in ms: what was so at both goes. */
  readonly orphanIntervalMs: number;
  /** Between two looks whether all that is loaded is served, in ms; notices make it sooner. */
  readonly targetCheckIntervalMs: number;
  /** How long a call may take when the client gives no deadline, in ms. */
  readonly callDeadlineMs: number;
}

const MiB = 1024 * 1024;
export const defaultConfig: Config = Object.freeze({
  roles: roleNames,
  listen: true,
  host: '127.0.0.1',
  port: 19530,
  auth: false,
  insecure: false,
  rootPassword: undefined,
  tls: undefined,
  functions: undefined,
  functionKeys: {},
  grpcThreads: 0,
  rest: true,
  restV1: false,
  corsOrigins: [],
  internalPort: undefined,
  internalHost: '127.0.0.1',
  clusterId: 'by-dev',
  sessions: undefined,
  servesCatalog: false,
  peers: {},
  receiveBytesMax: 64 * MiB,
  sendBytesMax: 256 * MiB,
  heldBytesMax: undefined,
  connectionsMax: 20_000,
  physicalChannelCount: 4,
  segmentBytesMax: 512 * MiB,
  growingBytesMax: 4096 * MiB,
  diskIndexCacheBytes: 256 * MiB,
  memoryLimitBytes: undefined,
  indexIdleMs: 60_000,
  logFileBytesMax: 64 * MiB,
  idleSealMs: 600_000,
  ageSealMs: 86_400_000,
  sealCheckIntervalMs: 10_000,
  brokerDeadlineMs: 10_000,
  indexRowsMin: 1024,
  indexCheckIntervalMs: 60_000,
  autoCompaction: true,
  compactedBytesMax: 512 * MiB,
  compactionDelayMs: 5000,
  garbageIntervalMs: 30_000,
  orphanIntervalMs: 3_600_000,
  targetCheckIntervalMs: 10_000,
  callDeadlineMs: 60_000,
});
