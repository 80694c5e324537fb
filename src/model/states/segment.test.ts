// A segment that is replaced, and one whose deletes are accounted for.
import { describe, expect, test } from 'vitest';
import { FileRecord, SegmentRecord } from '#proto/elanus/data.js';
import {
  type FlushedSegment,
  moveSegment,
  parseFlushedSegment,
  parseSegment,
  replaceSegment,
} from './segment.js';

const flushed = (): FlushedSegment =>
  parseFlushedSegment(SegmentRecord.fromPartial({ id: 7n, state: 'flushed' }));

describe('segments that are compacted', () => {
  test.each(['importing', 'flushed', 'dropped'])('%s, replaced', (state) => {
    const from = parseSegment(SegmentRecord.fromPartial({ id: 7n, state }));
    const replace = () => replaceSegment(from, { by: [8n], at: 9n });
    if (state === 'flushed') expect(replace()).toMatchObject({ state: 'dropped', compactedTo: [8n] });
    else expect(replace).toThrow(expect.objectContaining({ key: 'internal' }));
  });

  test('deletes are applied until the latest time that was said', () => {
    const bare = { ...flushed(), deletesAppliedUntil: 5n };
    const file = FileRecord.fromPartial({ key: 'delta_log/1' });
    const later = moveSegment(bare, { kind: 'deletes_applied', until: 9n, file });
    expect(later).toMatchObject({ files: [file], deletesAppliedUntil: 9n });
    const again = moveSegment(later, { kind: 'deletes_applied', until: 7n, file: undefined });
    expect(again).toMatchObject({ files: [file], deletesAppliedUntil: 9n });
  });
});
