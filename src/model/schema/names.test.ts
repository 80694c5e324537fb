import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { checkName, type NameKind } from './names.js';

const refusal = (kind: NameKind, name: string): ElanusError => {
  try {
    checkName(kind, name);
  } catch (error) {
    if (error instanceof ElanusError) return error;
    throw error;
  }
  throw new Error(`${kind} ${name} was accepted`);
};

describe('checkName', () => {
  it('accepts letters, digits and underscores up to 255', () => {
    for (const kind of ['database', 'collection', 'alias', 'partition', 'field', 'index'] as const) {
      for (const name of ['a', '_', 'A9_z', 'x'.repeat(255)]) checkName(kind, name);
    }
    checkName('index', '');
  });
  it('uses the texts of Milvus', () => {
    expect(refusal('collection', '12-s').message).toBe(
      'Invalid collection name: 12-s. the first character of a collection name must be an underscore or letter',
    );
    expect(refusal('collection', 'a b').message).toContain(
      'collection name can only contain numbers, letters and underscores',
    );
    expect(refusal('collection', 'a'.repeat(256)).message).toContain(
      'the length of a collection name must be less than 255 characters',
    );
    expect(refusal('collection', '').message).toContain('collection name should not be empty');
    expect(refusal('alias', '1').message).toContain('Invalid collection alias: 1');
    expect(refusal('partition', 'p%').message).toContain('Invalid partition name: p%');
    expect(refusal('partition', 'p%').spec.code).toBe(65535);
    expect(refusal('field', '$meta').message).toContain('Invalid field name: $meta');
    expect(refusal('field', 'in').message).toContain('keyword');
    for (const name of ['', 'ä', '1a', 'a b', 'a'.repeat(256)])
      expect(refusal('database', name).spec.code).toBe(802);
    expect(refusal('collection', 'ab\n').spec.code).toBe(1100);
  });
});
