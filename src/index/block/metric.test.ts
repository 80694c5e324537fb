import { describe, expect, it } from 'vitest';
import { metricNames } from '#model/schema/metric-type.js';
import { compareScores, isInRange, metricCodes, metricTypes, parseMetricType } from './metric.js';

describe('metric codes', () => {
  it('stay what they are in files and requests', () => {
    const expected = [
      'L2',
      'IP',
      'COSINE',
      'HAMMING',
      'JACCARD',
      'SUBSTRUCTURE',
      'SUPERSTRUCTURE',
      'MHJACCARD',
      'BM25',
    ];
    expect(Object.entries(metricCodes).sort(([, a], [, b]) => a - b)).toEqual(
      expected.map((name, code) => [name, code]),
    );
    expect([...metricNames].sort()).toEqual([...expected].sort());
  });
});

describe('scores', () => {
  it('compare by the metric', () => {
    for (const metric of ['L2', 'HAMMING', 'JACCARD'] as const)
      expect([3, 1, 2].sort((a, b) => compareScores(metric, a, b))).toEqual([1, 2, 3]);
    for (const metric of ['IP', 'MHJACCARD', 'BM25'] as const)
      expect([3, 1, 2].sort((a, b) => compareScores(metric, a, b))).toEqual([3, 2, 1]);
  });
  it('range: the better end is included, the worse is not', () => {
    expect([1, 2, 3].filter((score) => isInRange('HAMMING', score, 3, 1))).toEqual([1, 2]);
    expect([1, 2, 3].filter((score) => isInRange('BM25', score, 1, 3))).toEqual([2, 3]);
    expect(isInRange('JACCARD', Number.NaN)).toBe(false);
  });
  it('dense kernels take dense metrics only', () => {
    expect(metricTypes.map((name) => parseMetricType(name.toLowerCase()))).toEqual(['L2', 'IP', 'COSINE']);
    expect(() => parseMetricType('HAMMING')).toThrow('expected one of L2, IP, COSINE');
  });
});
