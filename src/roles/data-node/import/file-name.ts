// Which files a client may name in an import: objects of its own, in a format that is known.
import { ElanusError } from '#base/errors.js';
import { FORMATS, type ImportFormat, importFormat } from '#model/imports/import-format.js';
import { badFileKey } from '#segment/imports/file-key.js';

/** The format that the name says. @throws import_failed */
export function checkedFormat(key: string): ImportFormat {
  const format = importFormat(key);
  if (format === undefined)
    refuse(key, `is not of a supported format, expected a name that ends in ${FORMATS}; convert the file`);
  const bad = badFileKey(key);
  if (bad !== undefined) refuse(key, bad.fact, bad.cause);
  return format;
}

function refuse(key: string, text: string, cause?: unknown): never {
  throw new ElanusError('import_failed', `file ${JSON.stringify(key.slice(0, 200))} ${text}`, { cause });
}
