// Metrics as maps in memory, rendered in the text format of Prometheus. Each database has its own, so that several in one process stay apart.
// Every call of a client counts here twice: a series is found by the values of its labels, and no text is made before somebody reads.
import type {
  Collector,
  Counter,
  Gauge,
  Histogram,
  Labels,
  Measured,
  MetricSpec,
  Metrics,
} from './metrics.js';

interface Series {
  readonly labels: Labels;
  value: number;
  /** Histograms: observations up to each bound and above the one before it; they are summed when they are shown. */
  readonly buckets: number[];
  count: number;
}

interface Family {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly spec: MetricSpec;
  readonly names: readonly string[];
  readonly bounds: readonly number[];
  /** Measured with every rendering. */
  readonly isMeasured: boolean;
  /** By the values of the labels. */
  readonly series: Map<string, Series>;
}

export class TextMetrics implements Metrics {
  readonly #families = new Map<string, Family>();
  readonly #collectors: Collector[] = [];

  counter(spec: MetricSpec): Counter {
    const family = this.#family('counter', spec, []);
    return {
      add: (amount, labels) => {
        seriesOf(family, labels).value += amount;
      },
    };
  }

  gauge(spec: MetricSpec): Gauge {
    const family = this.#family('gauge', spec, []);
    return {
      set: (value, labels) => {
        seriesOf(family, labels).value = value;
      },
    };
  }

  histogram(spec: MetricSpec & { readonly buckets: readonly number[] }): Histogram {
    const family = this.#family('histogram', spec, spec.buckets);
    return {
      observe: (value, labels) => {
        const one = seriesOf(family, labels);
        one.value += value;
        one.count++;
        const bucket = family.bounds.findIndex((bound) => value <= bound);
        if (bucket >= 0) one.buckets[bucket] = (one.buckets[bucket] ?? 0) + 1;
      },
    };
  }

  collect(collector: Collector): void {
    this.#collectors.push(collector);
  }

  async render(): Promise<string> {
    for (const { isMeasured, series } of this.#families.values()) if (isMeasured) series.clear();
    for (const collector of this.#collectors) collector((spec) => this.#measured(spec));
    const families = [...this.#families.values()];
    return families.map((family) => `${linesOf(family).join('\n')}\n`).join('\n');
  }

  #measured(spec: MetricSpec): Measured {
    const family = this.#family('gauge', spec, [], true);
    return {
      set: (value, labels) => {
        seriesOf(family, labels).value = value;
      },
      add: (amount, labels) => {
        seriesOf(family, labels).value += amount;
      },
    };
  }

  #family(kind: Family['kind'], spec: MetricSpec, bounds: readonly number[], isMeasured = false): Family {
    const before = this.#families.get(spec.name);
    if (before !== undefined && before.kind === kind && before.isMeasured === isMeasured) return before;
    if (before !== undefined)
      throw new Error(`metric ${spec.name} is a ${before.kind}, asked for as another kind than before`);
    const family: Family = { kind, spec, names: spec.labels ?? [], bounds, isMeasured, series: new Map() };
    if (family.names.length === 0) seriesOf(family, {}); // Shown as 0 from the start.
    this.#families.set(spec.name, family);
    return family;
  }
}

function seriesOf(family: Family, labels: Labels = {}): Series {
  for (const name in labels)
    if (!family.names.includes(name)) throw new Error(`metric ${family.spec.name} has no label ${name}`);
  const [first = ''] = family.names;
  const values =
    family.names.length < 2
      ? (labels[first] ?? '')
      : family.names.map((name) => labels[name] ?? '').join('\0');
  const before = family.series.get(values);
  if (before !== undefined) return before;
  const series: Series = { labels: { ...labels }, value: 0, buckets: family.bounds.map(() => 0), count: 0 };
  family.series.set(values, series);
  return series;
}

function linesOf({ kind, spec, names, bounds, series }: Family): string[] {
  const { name } = spec;
  const lines = [`# HELP ${name} ${escaped(spec.help)}`, `# TYPE ${name} ${kind}`];
  for (const { labels, value, buckets, count } of series.values()) {
    const given = names
      .filter((label) => labels[label] !== undefined)
      .map((label) => `${label}="${escaped(labels[label] ?? '').replaceAll('"', '\\"')}"`);
    if (kind !== 'histogram') {
      lines.push(`${name}${braces(given)} ${value}`);
      continue;
    }
    let below = 0;
    for (const [i, bound] of bounds.entries()) {
      below += buckets[i] ?? 0;
      lines.push(`${name}_bucket${braces([`le="${bound}"`, ...given])} ${below}`);
    }
    lines.push(`${name}_bucket${braces(['le="+Inf"', ...given])} ${count}`);
    lines.push(`${name}_sum${braces(given)} ${value}`, `${name}_count${braces(given)} ${count}`);
  }
  return lines;
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const braces = (labels: readonly string[]): string => (labels.length === 0 ? '' : `{${labels.join(',')}}`);
