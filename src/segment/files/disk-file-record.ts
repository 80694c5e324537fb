// Which index files hold the vectors too, so that these need not be loaded: whoever plans a load asks without opening one.
import { CODED_FILE_TYPE } from '#index/coded-index.js';
import { DISK_INDEX_TYPE } from '#index/disk/disk-layout.js';
import type { IndexFileRecord, SegmentRecord } from '#proto/elanus/data.js';

/** The last part of a file's key is the type it was built as. */
export const isCodedFile = (key: string): boolean => key.endsWith(`/${CODED_FILE_TYPE}`);
export const isDiskFile = (key: string): boolean => key.endsWith(`/${DISK_INDEX_TYPE}`) || isCodedFile(key);
/** The index file of a field, when it is one of these. */
export const diskFileOf = (record: SegmentRecord, fieldId: bigint): IndexFileRecord | undefined =>
  record.indexes.find((one) => one.fieldId === fieldId && one.state === 'finished' && isDiskFile(one.key));
