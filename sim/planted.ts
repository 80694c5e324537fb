// Bugs to plant between a process and its platform, one promise broken by each. The simulation must find every one of them; nothing
// in the product knows about these.
import type { AppendFile, Files } from '#platform/files.js';
import type { MetaOperation, MetaStore } from '#platform/meta-store.js';
import type { Platform } from '#platform/platform.js';
import { LogRecord } from '#proto/elanus/data.js';
import { decodeFrame, decodeHeader, encodeFrame, headerBytesOf } from '#wal/frame.js';
import type { Sabotage } from './cluster.js';

const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(parts.flatMap((part) => [...part]));

/** A disk that says "durable" and writes seconds later: what a crash in between takes was acknowledged. */
export const lyingSync: Sabotage = (platform, host) => {
  if (host !== 'stream') return platform;
  const lie = (file: AppendFile): AppendFile => {
    let size = file.size;
    return {
      get size() {
        return size;
      },
      append: async (parts) => {
        const bytes = join(parts);
        size += bytes.length;
        platform.timers.after(3000, () => void file.append([bytes]));
      },
      close: async () => {},
    };
  };
  return {
    ...platform,
    files: filesWith(platform, {
      openAppend: async (path, guard) => lie(await platform.files.openAppend(path, guard)),
    }),
  };
};

/** A log whose reader loses the deletes: rows come back after a restart. */
export const replayWithoutDeletes: Sabotage = (platform, host) => {
  if (host !== 'stream') return platform;
  const files = filesWith(platform, {
    readRange: async (path, begin, end) =>
      withoutDeletes(platform, await platform.files.readRange(path, begin, end)),
  });
  return { ...platform, files };
};

function withoutDeletes(platform: Platform, bytes: Uint8Array): Uint8Array {
  const header = decodeHeader(bytes, platform.crc32);
  if (header === undefined) return bytes;
  const parts = [bytes.subarray(0, headerBytesOf(header))];
  let lsn = header.firstLsn;
  for (let offset = headerBytesOf(header); ; lsn++) {
    const frame = decodeFrame(bytes, offset, lsn, header, platform.crc32);
    if (frame === undefined) return join(parts);
    offset = frame.end;
    const record = LogRecord.decode(frame.payload);
    const changed =
      record.write === undefined ? record : { ...record, write: { ...record.write, deletedKeys: undefined } };
    const payload = LogRecord.encode(changed).finish();
    parts.push(...encodeFrame({ lsn, index: 0, isCopy: frame.isCopy, payload }, header.salt, platform.crc32));
  }
}

/** A meta store that loses its last transaction when the process dies. One for each run. */
export function forgetfulMetaStore(): Sabotage {
  let undo: readonly MetaOperation[] = [];
  return (platform, host) => {
    if (host !== 'coord' && host !== 'spare') return platform;
    const store = platform.metaStore;
    // The process starts: what the one before it wrote last is gone.
    const forgotten = store.transact([], undo);
    undo = [];
    return {
      ...platform,
      metaStore: {
        get: (key) => forgotten.then(() => store.get(key)),
        range: (prefix) => forgotten.then(() => store.range(prefix)),
        transact: async (compares, operations) => {
          await forgotten;
          const before = await Promise.all(
            operations.flatMap((operation) => ('key' in operation ? [restoreOf(store, operation.key)] : [])),
          );
          const isDone = await store.transact(compares, operations);
          // Sessions are written all the time: what they say is no record of the catalog.
          if (isDone && operations.some((one) => 'key' in one && !one.key.startsWith('session/')))
            undo = before;
          return isDone;
        },
        watch: (prefix, onEvent) => store.watch(prefix, onEvent),
      },
    };
  };
}

async function restoreOf(store: MetaStore, key: string): Promise<MetaOperation> {
  const entry = await store.get(key);
  return entry === undefined ? { kind: 'delete', key } : { kind: 'put', key, value: entry.value };
}

/** An object store that confirms every second object of a kind and does not keep it. */
export const lostObjects: Sabotage = (platform, host) => {
  if (host !== 'stream') return platform;
  const real = platform.objectStore;
  let puts = 0;
  return {
    ...platform,
    objectStore: {
      put: async (key, parts, options) =>
        key.startsWith('delta_log/') && puts++ % 2 === 0 ? true : real.put(key, parts, options),
      get: (key) => real.get(key),
      getRange: (key, begin, end) => real.getRange(key, begin, end),
      readInto: (key, begin, parts) => real.readInto(key, begin, parts),
      size: (key) => real.size(key),
      openRead: (key) => real.openRead(key),
      list: (prefix) => real.list(prefix),
      remove: (key) => real.remove(key),
    },
  };
};

/** Each with a state of its own for every run. */
export const sabotages: Readonly<
  Record<string, { readonly what: string; readonly sabotage: () => Sabotage }>
> = {
  'lying-sync': { what: 'the disk says durable and writes seconds later', sabotage: () => lyingSync },
  'replay-without-deletes': {
    what: 'the log is replayed without its deletes',
    sabotage: () => replayWithoutDeletes,
  },
  'forgetful-meta-store': {
    what: 'the meta store loses its last transaction in a crash',
    sabotage: forgetfulMetaStore,
  },
  'lost-objects': { what: 'the object store confirms and does not keep', sabotage: () => lostObjects },
};

function filesWith(platform: Platform, changed: Partial<Files>): Files {
  const { files } = platform;
  return {
    read: (path) => files.read(path),
    readRange: (path, begin, end) => files.readRange(path, begin, end),
    readInto: (path, begin, parts) => files.readInto(path, begin, parts),
    size: (path) => files.size(path),
    openRead: (path, options) => files.openRead(path, options),
    list: (folder) => files.list(folder),
    write: (path, parts) => files.write(path, parts),
    remove: (path) => files.remove(path),
    openAppend: (path, guard) => files.openAppend(path, guard),
    truncate: (path, size) => files.truncate(path, size),
    ...changed,
  };
}
