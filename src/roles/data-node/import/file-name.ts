// Which files a client may name in an import: objects of its own, by a plain key. Whether the object really lies in the store is found out
// when it is opened (`ObjectStore.openRead`); here a name is refused that could mean anything else to a file system or to whoever decodes it.
import { ElanusError, messageOf } from '#base/errors.js';
import { FORMATS, type ImportFormat, importFormat } from '#model/imports/import-format.js';
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

/** The format that the name says. @throws import_failed */
export function checkedFormat(key: string): ImportFormat {
  const format = importFormat(key);
  if (format === undefined)
    refuse(key, `is not of a supported format, expected a name that ends in ${FORMATS}; convert the file`);
  try {
    checkObjectKey(key);
  } catch (error) {
    refuse(
      key,
      'is not a valid object key, expected a path inside the object store without "." or ".." parts',
      messageOf(error),
    );
  }
  if (encoded.test(key) || unusual.test(key) || device.test(key)) {
    refuse(
      key,
      'has encoded separators, a colon, control characters or the name of a device in its name, expected none of them; rename the file',
    );
  }
  const [folder] = key.split('/', 1);
  if (folder !== undefined && ownFolders.has(folder))
    refuse(key, `is in ${folder}/, where the database keeps its own files, expected another folder; copy it`);
  return format;
}

function refuse(key: string, text: string, cause?: unknown): never {
  throw new ElanusError('import_failed', `file ${JSON.stringify(key.slice(0, 200))} ${text}`, { cause });
}
