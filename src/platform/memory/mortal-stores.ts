// Stores as one process sees them until it dies. The code of a crashed process still exists in the simulator: it must neither change
// anything nor go on, so nothing ever answers it.
import type { AppendFile, Files, ReadFile } from '#platform/files.js';
import type { MetaStore } from '#platform/meta-store.js';
import type { ObjectStore } from '#platform/object-store.js';

type Alive = () => boolean;
// A promise of its own each time: waiters of one shared promise would pile up on it.
const never = (): Promise<never> => new Promise(() => {});

async function mortal<T>(alive: Alive, run: () => Promise<T>): Promise<T> {
  if (!alive()) return never();
  try {
    const value = await run();
    return alive() ? value : await never();
  } catch (error) {
    if (alive()) throw error;
    return never();
  }
}

export function mortalFiles(files: Files, alive: Alive): Files {
  return {
    read: (path) => mortal(alive, () => files.read(path)),
    readRange: (path, begin, end) => mortal(alive, () => files.readRange(path, begin, end)),
    readInto: (path, begin, parts) => mortal(alive, () => files.readInto(path, begin, parts)),
    size: (path) => mortal(alive, () => files.size(path)),
    openRead: (path, options) =>
      mortal(alive, async () => mortalReadFile(await files.openRead(path, options), alive)),
    list: (folder) => mortal(alive, () => files.list(folder)),
    write: (path, parts) => mortal(alive, () => files.write(path, parts)),
    remove: (path, within) => mortal(alive, () => files.remove(path, within)),
    truncate: (path, size) => mortal(alive, () => files.truncate(path, size)),
    openAppend: (path, guard) =>
      mortal(alive, async () => mortalAppendFile(await files.openAppend(path, guard), alive)),
  };
}

function mortalReadFile(file: ReadFile | undefined, alive: Alive): ReadFile | undefined {
  if (file === undefined) return undefined;
  return {
    size: file.size,
    read: (begin, end, into) => mortal(alive, () => file.read(begin, end, into)),
    close: () => mortal(alive, () => file.close()),
  };
}

function mortalAppendFile(file: AppendFile, alive: Alive): AppendFile {
  return {
    get size() {
      return file.size;
    },
    append: (parts) => mortal(alive, () => file.append(parts)),
    close: () => mortal(alive, () => file.close()),
  };
}

export function mortalMetaStore(store: MetaStore, alive: Alive): MetaStore {
  return {
    get: (key) => mortal(alive, () => store.get(key)),
    range: (prefix) => mortal(alive, () => store.range(prefix)),
    transact: (compares, operations) => mortal(alive, () => store.transact(compares, operations)),
    watch(prefix, onEvent) {
      const watch = store.watch(prefix, (event) => {
        if (alive()) onEvent(event);
        else watch.cancel();
      });
      return watch;
    },
  };
}

export function mortalObjectStore(store: ObjectStore, alive: Alive): ObjectStore {
  return {
    put: (key, parts, options) => mortal(alive, () => store.put(key, parts, options)),
    get: (key) => mortal(alive, () => store.get(key)),
    getRange: (key, begin, end) => mortal(alive, () => store.getRange(key, begin, end)),
    readInto: (key, begin, parts) => mortal(alive, () => store.readInto(key, begin, parts)),
    size: (key) => mortal(alive, () => store.size(key)),
    openRead: (key) => mortal(alive, async () => mortalReadFile(await store.openRead(key), alive)),
    list: (prefix) => mortal(alive, () => store.list(prefix)),
    remove: (key) => mortal(alive, () => store.remove(key)),
  };
}
