// Metrics as plain maps, rendered in the same text format as the real ones.
import type { Counter, Gauge, Histogram, Labels, Metrics } from '#platform/metrics.js';

type Spec = Parameters<Metrics['counter']>[0];
interface Series {
  readonly labels: string;
  value: number;
  /** Histograms: observations at or below each bound, and their number. */
  readonly buckets: number[];
  count: number;
}

interface Family {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly spec: Spec;
  readonly bounds: readonly number[];
  readonly series: Map<string, Series>;
}

export class MemoryMetrics implements Metrics {
  readonly #families = new Map<string, Family>();

  counter(spec: Spec): Counter {
    const family = this.#family('counter', spec, []);
    return {
      add: (amount, labels) => {
        series(family, labels).value += amount;
      },
    };
  }

  gauge(spec: Spec): Gauge {
    const family = this.#family('gauge', spec, []);
    return {
      set: (value, labels) => {
        series(family, labels).value = value;
      },
    };
  }

  histogram(spec: Spec & { readonly buckets: readonly number[] }): Histogram {
    const family = this.#family('histogram', spec, spec.buckets);
    return {
      observe: (value, labels) => {
        const one = series(family, labels);
        one.value += value;
        one.count++;
        family.bounds.forEach((bound, i) => {
          if (value <= bound) one.buckets[i] = (one.buckets[i] ?? 0) + 1;
        });
      },
    };
  }

  async render(): Promise<string> {
    const lines: string[] = [];
    for (const { kind, spec, bounds, series: all } of this.#families.values()) {
      lines.push(`# HELP ${spec.name} ${escaped(spec.help)}`, `# TYPE ${spec.name} ${kind}`);
      for (const one of all.values()) {
        if (kind === 'histogram') {
          bounds.forEach((bound, i) => {
            lines.push(`${spec.name}_bucket${braces(`le="${bound}"`, one.labels)} ${one.buckets[i] ?? 0}`);
          });
          lines.push(`${spec.name}_bucket${braces('le="+Inf"', one.labels)} ${one.count}`);
          lines.push(
            `${spec.name}_sum${braces(one.labels)} ${one.value}`,
            `${spec.name}_count${braces(one.labels)} ${one.count}`,
          );
        } else lines.push(`${spec.name}${braces(one.labels)} ${one.value}`);
      }
      lines.push('');
    }
    return lines.join('\n');
  }

  #family(kind: Family['kind'], spec: Spec, bounds: readonly number[]): Family {
    const before = this.#families.get(spec.name);
    if (before !== undefined && before.kind === kind) return before;
    if (before !== undefined)
      throw new Error(`metric ${spec.name} is a ${before.kind}, asked for as a ${kind}`);
    const family: Family = { kind, spec, bounds, series: new Map() };
    if ((spec.labels ?? []).length === 0) series(family, undefined); // Shown as 0 from the start, like the real ones.
    this.#families.set(spec.name, family);
    return family;
  }
}

function series(family: Family, labels: Labels | undefined): Series {
  for (const name of Object.keys(labels ?? {})) {
    if (!(family.spec.labels ?? []).includes(name))
      throw new Error(`metric ${family.spec.name} has no label ${name}`);
  }
  const text = (family.spec.labels ?? [])
    .filter((name) => labels?.[name] !== undefined)
    .map((name) => `${name}="${escaped(labels?.[name] ?? '').replaceAll('"', '\\"')}"`)
    .join(',');
  let found = family.series.get(text);
  if (found === undefined) {
    found = { labels: text, value: 0, buckets: family.bounds.map(() => 0), count: 0 };
    family.series.set(text, found);
  }
  return found;
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const braces = (...labels: string[]): string => {
  const given = labels.filter((label) => label !== '');
  return given.length === 0 ? '' : `{${given.join(',')}}`;
};
