// The analyzers of a field of a schema: one, or several of which each row names one in another field.
import { ElanusError } from '#base/errors.js';
import { analyzerParam, typeParam } from '#model/schema/schema-view.js';
import { DataType, type FieldSchema } from '#proto/milvus/schema.js';
import type { Analyzer } from './analyzer.js';
import { analyzerOf, analyzerOfValue, parsed } from './analyzer-params.js';
import { invalid, ParamsReader } from './params-reader.js';

export interface FieldAnalyzers {
  /** The field whose value in each row names the analyzer; undefined: there is one. */
  readonly byField: string | undefined;
  /** @param name of an analyzer or one of its aliases; a name that is not known, or none: the default */
  of(name: string | undefined): Analyzer;
  /** @throws invalid_parameter for a name that is not known */
  named(name: string): Analyzer;
}

/** By field, as schemas of collections in use are the same objects, and by the text, as those that came over the wire are not. */
const byField = new WeakMap<FieldSchema, FieldAnalyzers>();
const byText = new Map<string, FieldAnalyzers>();
const TEXTS_MAX = 64;

/** @throws invalid_parameter with the place, unsupported */
export function fieldAnalyzers(field: FieldSchema): FieldAnalyzers {
  const known = byField.get(field);
  if (known !== undefined) return known;
  const text = JSON.stringify([
    analyzerParam(field, 'analyzer_params'),
    analyzerParam(field, 'multi_analyzer_params'),
  ]);
  const made = byText.get(text) ?? withField(field, () => read(field));
  byText.delete(text);
  byText.set(text, made);
  for (const oldest of byText.keys()) {
    if (byText.size <= TEXTS_MAX) break;
    byText.delete(oldest);
  }
  byField.set(field, made);
  return made;
}

function read(field: FieldSchema): FieldAnalyzers {
  const several = analyzerParam(field, 'multi_analyzer_params');
  const one = analyzerParam(field, 'analyzer_params');
  if (several === undefined) {
    const analyzer = analyzerOf(one ?? '');
    return {
      byField: undefined,
      of: () => analyzer,
      named: (name) => refuseName(name, ['default']),
    };
  }
  if (one !== undefined)
    throw new ElanusError(
      'invalid_parameter',
      'analyzer_params and multi_analyzer_params are both set, expected one of them',
    );
  return readSeveral(several);
}

function readSeveral(text: string): FieldAnalyzers {
  const params = new ParamsReader(parsed(text), '');
  const parts = new ParamsReader(params.value('analyzers'), 'analyzers');
  const analyzers = new Map(
    parts.keys().map((name) => [name, analyzerOfValue(parts.value(name), parts.at(name), 0)]),
  );
  const usual = analyzers.get('default');
  if (usual === undefined)
    throw invalid('analyzers.default', 'is missing, expected the analyzer of other rows');
  const chooser = params.text('by_field');
  const aliases = new ParamsReader(params.value('alias') ?? {}, 'alias');
  const nameOf = new Map(aliases.keys().map((alias) => [alias, aliases.text(alias)]));
  for (const [alias, name] of nameOf)
    if (!analyzers.has(name))
      aliases.refuse(alias, `is "${name.slice(0, 64)}", expected one of ${[...analyzers.keys()].join(', ')}`);
  params.finish();
  const find = (name: string): Analyzer | undefined => analyzers.get(nameOf.get(name) ?? name);
  return {
    byField: chooser,
    of: (name) => (name === undefined ? undefined : find(name)) ?? usual,
    named: (name) => find(name) ?? refuseName(name, [...analyzers.keys(), ...nameOf.keys()]),
  };
}

function refuseName(name: string, known: readonly string[]): never {
  throw new ElanusError(
    'invalid_parameter',
    `analyzer "${name.slice(0, 64)}" is not known, expected one of ${known.join(', ')}: invalid parameter`,
  );
}

/** Says of which field the parameters are. */
function withField<T>({ name }: FieldSchema, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ElanusError)) throw cause;
    throw new ElanusError(cause.key, `field ${name}: ${cause.message}`, { cause });
  }
}

/** Whether texts of the field are analyzed. */
export const hasAnalyzer = (field: FieldSchema): boolean =>
  ['true', '1', 't'].includes(typeParam(field, 'enable_analyzer')?.trim().toLowerCase() ?? '');

/** Whether filters may ask for words of the field. */
export const isMatchEnabled = (field: FieldSchema): boolean =>
  ['true', '1', 't'].includes(typeParam(field, 'enable_match')?.trim().toLowerCase() ?? '');

/** Checks what the analyzers of a schema are made of. @throws invalid_parameter, unsupported */
export function checkAnalyzers(fields: readonly FieldSchema[]): void {
  for (const field of fields) {
    if (!hasAnalyzer(field)) continue;
    const { byField: name } = fieldAnalyzers(field);
    if (name === undefined) continue;
    if (isMatchEnabled(field))
      throw new ElanusError(
        'invalid_parameter',
        `multi analyzer now only support for bm25, but now field ${field.name} enable match; leave enable_match out`,
      );
    const chooser = fields.find((candidate) => candidate.name === name);
    if (chooser === undefined || chooser === field || chooser.dataType !== DataType.VarChar)
      throw new ElanusError(
        'invalid_parameter',
        `field ${field.name}: by_field is ${name}, expected the name of another field of type VarChar`,
      );
  }
}
