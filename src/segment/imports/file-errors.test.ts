// Reasons of imports name the file, whatever part found out that it cannot be read.
import { expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { DamagedFile, ofFile } from './file-errors.js';

it('what the platform has not is said with the name of the file', async () => {
  const reading = ofFile('in/rows.csv.zst', () =>
    Promise.reject(new ElanusError('unsupported', 'zstd is not known; pack the file with gzip')),
  );
  await expect(reading).rejects.toMatchObject({
    key: 'unsupported',
    message: 'file "in/rows.csv.zst" cannot be read, zstd is not known; pack the file with gzip',
  });
});

it('what is damaged is said as a reason, and reasons stay as they are', async () => {
  const foreign = new RangeError('Offset is outside the bounds of the DataView');
  await expect(ofFile('f.json.gz', () => Promise.reject(foreign))).rejects.toMatchObject({
    key: 'import_failed',
    message:
      'file "f.json.gz" cannot be read, its bytes do not follow its format: expected a whole file; write it again',
    cause: foreign,
  });
  const own = () => Promise.reject(new DamagedFile('a page of 9 bytes ends after its column'));
  await expect(ofFile('f.parquet', own, 'column "v" ')).rejects.toThrow(
    'file "f.parquet" column "v" cannot be read, a page of 9 bytes ends after its column: expected a whole file; write it again',
  );
  const reason = new ElanusError('import_failed', 'row 1 is wrong');
  await expect(ofFile('f.json.gz', () => Promise.reject(reason))).rejects.toBe(reason);
});
