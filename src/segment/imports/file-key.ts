// Which files of the store a client may name: objects of its own, by a plain key. Whether the object really lies in the store is found out when it
// is opened (`ObjectStore.openRead`); here a name is refused that could mean anything else to a file system or to whoever decodes it.
import { messageOf } from '#base/errors.js';
import { checkObjectKey } from '#platform/object-store.js';

/** Folders of the store in which the database keeps its own objects. */
const ownFolders: ReadonlySet<string> = new Set([
  'insert_log',
  'delta_log',
  'stats_log',
  'manifest',
  'index_files',
]);

/** Separators and dots in percent notation: no decoder of ours would read them, but nobody means such a file either. */
const encoded = /%(?:2e|2f|5c|00)/i;
/** Control characters, and the colon, which on some systems names drives and streams. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const unusual = /[\u0000-\u001f\u007f:]/;

/** Names that some systems keep for devices, whatever ending follows. */
const device = /(?:^|\/)(?:con|prn|aux|nul|com\d|lpt\d)(?:\.[^/]*)?(?:\/|$)/i;

/** Why a client may not name it; undefined: it may. */
export function badFileKey(key: string): { readonly fact: string; readonly cause?: string } | undefined {
  try {
    checkObjectKey(key);
  } catch (error) {
    const fact =
      'is not a valid object key, expected a path inside the object store without "." or ".." parts';
    return { fact, cause: messageOf(error) };
  }
  if (encoded.test(key) || unusual.test(key) || device.test(key))
    return {
      fact: 'has encoded separators, a colon, control characters or the name of a device in its name, expected none of them; rename the file',
    };
  const [folder] = key.split('/', 1);
  if (folder !== undefined && ownFolders.has(folder))
    return {
      fact: `is in ${folder}/, where the database keeps its own files, expected another folder; copy it`,
    };
  return undefined;
}
