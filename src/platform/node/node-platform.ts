// The real world as a Platform. Layout of a data folder: LOCK, FORMAT, `meta/` (lmdb), `objects/` (object store), and whatever the log and
// the roles keep through `files`.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { totalmem } from 'node:os';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import { crc32 as portableCrc32 } from '#base/crc32.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { FileObjectStore } from '#platform/file-object-store.js';
import type { Files } from '#platform/files.js';
import { MemoryFiles } from '#platform/memory/memory-files.js';
import { MemoryMetaStore } from '#platform/memory/memory-meta-store.js';
import type { MetaStore } from '#platform/meta-store.js';
import {
  checkBesideData,
  checkDataFolder,
  isMarkedFolder,
  markDataFolder,
} from '#platform/node/files/data-folder.js';
import { lockFolder } from '#platform/node/files/folder-lock.js';
import { checkLmdbFile } from '#platform/node/files/lmdb-check.js';
import { loadLmdb } from '#platform/node/files/lmdb-load.js';
import { LmdbMetaStore } from '#platform/node/files/lmdb-meta-store.js';
import { NodeFiles } from '#platform/node/files/node-files.js';
import { keepReserve, makeRoom, takeWithReserve } from '#platform/node/files/space-reserve.js';
import { GrpcTransport } from '#platform/node/grpc/grpc-transport.js';
import { measureProcess } from '#platform/node/metrics/process-metrics.js';
import type { Platform } from '#platform/platform.js';
import { runStopSteps, throwFailures } from '#platform/stop-steps.js';
import { TextMetrics } from '#platform/text-metrics.js';
import { type AuditFile, openAuditFile } from './audit-file.js';
import { ConsoleLogger, type LogLevel } from './console-logger.js';
import { nodeDecompression } from './node-decompression.js';
import { nodeHttpClient } from './node-http-client.js';
import { nodeModelFiles } from './node-model-files.js';
import { NodePasswords } from './node-passwords.js';
import { systemRandom } from './node-random.js';
import { provideTextPackages } from './node-text-packages.js';
import { nodeClock, nodeTimers } from './node-time.js';
import { NodeWorkers } from './node-workers.js';

/** Where index files lie among the objects: whoever loads one needs a thread to check it. */
const INDEX_FILES = 'index_files';

/** What each part of the platform may take to close, in ms. */
const PART_MS = 1000;

export interface NodePlatformOptions {
  /** The folder is another process's, which serves its metadata: files are shared, and nothing is locked. */
  readonly isShared?: boolean;
  /** Not given: files and metadata live in memory and are gone with the process. */
  readonly dataFolder?: string;
  readonly logLevel?: LogLevel;
  /** Where who did what is appended, as JSON lines; not given: the log has it, from level info on. */
  readonly auditFile?: string;
  /** Threads that compute; the machine's, at most 8, when not given. */
  readonly parallelism?: number;
}

/** @throws folder_in_use when another opener holds the data folder, folder_unusable when it cannot be one */
export async function openNodePlatform(options: NodePlatformOptions = {}): Promise<Platform> {
  provideTextPackages();
  const logger = new ConsoleLogger(options.logLevel ?? 'info');
  const workers = new NodeWorkers(
    options.parallelism === undefined ? {} : { parallelism: options.parallelism },
  );
  const {
    files,
    metaStore,
    close: closeStores,
  } = await openStores(options, { workers, logger }).catch(async (error: unknown) => {
    await workers.close();
    throw error;
  });
  // After the folder is known to be ours: a file in it that came first would make a new folder look like somebody else's.
  const audit = await openAudit(options, logger).catch(async (error: unknown) => {
    await Promise.all([closeStores(), workers.close()]).catch(() => {}); // Why it did not open is the better reason.
    throw error;
  });
  const passwords = new NodePasswords();
  const metrics = new TextMetrics();
  measureProcess(metrics);
  let closing: Promise<void> | undefined;
  return {
    clock: nodeClock,
    timers: nodeTimers,
    random: systemRandom(),
    files,
    metaStore,
    objectStore: new FileObjectStore(files, 'objects'),
    transport: new GrpcTransport(logger),
    http: nodeHttpClient,
    modelFiles: nodeModelFiles,
    workers,
    passwords,
    decompression: nodeDecompression,
    logger,
    audit: audit?.logger ?? logger,
    metrics,
    memoryBytes: memoryBytes(),
    crc32,
    close() {
      closing ??= runStopSteps(nodeTimers, [
        { name: 'writing the audit log', withinMs: PART_MS, run: async () => audit?.close() },
        { name: 'ending the thread of passwords', withinMs: PART_MS, run: () => passwords.close() },
        { name: 'ending the compute threads', withinMs: PART_MS, run: () => workers.close() },
        { name: 'closing the data folder', withinMs: 3 * PART_MS + 500, run: closeStores },
      ]).then(throwFailures);
      return closing;
    },
  };
}

async function openAudit(
  { auditFile, dataFolder }: NodePlatformOptions,
  logger: ConsoleLogger,
): Promise<AuditFile | undefined> {
  if (auditFile === undefined) return undefined;
  if (dataFolder !== undefined) checkBesideData(path.resolve(auditFile), path.resolve(dataFolder));
  return openAuditFile(auditFile, logger);
}

function memoryBytes(): number {
  // Without a container's bound it is 0, or larger than any machine.
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
}

interface Stores {
  readonly files: Files;
  readonly metaStore: MetaStore;
  close(): Promise<void>;
}

interface FolderParts {
  readonly workers: NodeWorkers;
  readonly logger: ConsoleLogger;
}

/** Its metadata come from whoever has the folder; what stands here in their place is empty, and belongs to no folder. */
async function openSharedFiles(root: string): Promise<Stores> {
  await checkDataFolder(root);
  if (!(await isMarkedFolder(root)))
    throw new ElanusError(
      'folder_unusable',
      `${JSON.stringify(root)} is no data folder yet, expected the one of the process that serves the catalog; start that one first, with --shared`,
    );
  const files = new NodeFiles(root);
  return { files, metaStore: new MemoryMetaStore(), close: () => files.close() };
}

async function openStores(
  { dataFolder, isShared }: NodePlatformOptions,
  { workers, logger }: FolderParts,
): Promise<Stores> {
  if (dataFolder === undefined)
    return { files: new MemoryFiles(), metaStore: new MemoryMetaStore(), close: async () => {} };
  const root = path.resolve(dataFolder);
  if (isShared === true) return openSharedFiles(root);
  await checkDataFolder(root);
  const files = new NodeFiles(root);
  files.check();
  return openOwnFolder(root, { files, workers, logger }).catch(async (error: unknown) => {
    await files.close();
    throw error;
  });
}

async function openOwnFolder(
  root: string,
  { files, workers, logger }: FolderParts & { readonly files: NodeFiles },
): Promise<Stores> {
  const lmdbOpen = await loadLmdb(); // Before anything is made in the folder.
  const givenUp = (): void => logger.warn('space_reserve_given_up', { folder: root });
  const lock = await takeWithReserve(root, () => lockFolder(root), givenUp);
  if (await makeRoom(root)) givenUp();
  if (existsSync(path.join(root, 'objects', INDEX_FILES))) workers.begin();
  try {
    await markDataFolder(root);
    const metaFolder = path.join(root, 'meta');
    await mkdir(metaFolder, { recursive: true });
    checkLmdbFile(metaFolder);
    const metaStore = new LmdbMetaStore(metaFolder, lmdbOpen);
    // Beside everything else: nothing waits for the space.
    for (const folder of ['objects', 'wal']) void files.removeLeftovers(folder);
    const reserve = keepReserve(root, { logger, timers: nodeTimers });
    return {
      files,
      metaStore,
      async close() {
        // The lock goes last, and goes whatever hangs: what is cut off then is what a crash would cut off.
        const failures = await runStopSteps(nodeTimers, [
          {
            name: 'closing the files',
            withinMs: PART_MS,
            run: () => reserve.close().then(() => files.close()),
          },
          { name: 'closing the metadata', withinMs: PART_MS, run: () => metaStore.close() },
          { name: 'unlocking the folder', withinMs: PART_MS, run: () => lock.release() },
        ]);
        throwFailures(failures);
      },
    };
  } catch (error) {
    await lock.release();
    if (error instanceof ElanusError) throw error;
    throw new ElanusError(
      'io_failed',
      `data folder ${JSON.stringify(root)}: ${messageOf(error)}: check the disk and permissions`,
      {
        cause: error,
      },
    );
  }
}

// zlib has crc32 from Node 20.15 on.
const native: { readonly crc32?: (bytes: Uint8Array, seed?: number) => number } = zlib;
export const crc32: (bytes: Uint8Array, seed?: number) => number = native.crc32 ?? portableCrc32;
