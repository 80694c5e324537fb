// The outside world as interfaces. Everything above `platform/` reaches time, randomness, disk, network, threads, logs and
// metrics only through these, so that one seed replays a whole cluster. `node/` has the real ones, `memory/` the simulated.
import type { Random } from '#base/random.js';
import type { HttpClient } from '#platform/outside/http-client.js';
import type { ModelFileStore } from '#platform/outside/model-files.js';
import type { Decompression, Files } from './files.js';
import type { LogStore } from './log.js';
import type { Logger } from './logger.js';
import type { MetaStore } from './meta-store.js';
import type { Metrics } from './metrics.js';
import type { ObjectStore } from './object-store.js';
import type { Passwords } from './passwords.js';
import type { Clock, Timers } from './time.js';
import type { Transport } from './transport.js';
import type { Workers } from './workers.js';

export interface Platform {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Files below the data folder of this process; paths are relative, with `/`. */
  readonly files: Files;
  readonly metaStore: MetaStore;
  readonly objectStore: ObjectStore;
  /** Logs of the writes; absent: files of `files` hold them (`wal/file-logs.ts`). */
  readonly logs?: LogStore;
  readonly transport: Transport;
  /** Absent: no models of this machine are read. */
  readonly modelFiles?: ModelFileStore;
  /** Absent: no service outside is asked. */
  readonly http?: HttpClient;
  readonly workers: Workers;
  readonly passwords: Passwords;
  /** Absent: nothing that is packed is read. */
  readonly decompression?: Decompression;
  readonly logger: Logger;
  /** Who did what; the logger, unless a file is kept for it. */
  readonly audit: Logger;
  readonly metrics: Metrics;
  /** Memory that this process may use, in bytes: the machine's, or its container's when that is less. */
  readonly memoryBytes: number;
  /** CRC-32 (IEEE) of bytes, continuing `seed`; the fastest this platform has. */
  crc32(bytes: Uint8Array, seed?: number): number;
  /** Releases everything, in reverse order of opening. */
  close(): Promise<void>;
}
