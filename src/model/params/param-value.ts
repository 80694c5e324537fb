// From the text of a parameter to its value, by its spec. The two sides of Milvus word their refusals differently,
// and clients match them: the proxy's for build parameters, the index library's for search parameters.
import { assertNever } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import type { ParamSpec, ParamValue } from './param-spec.js';

export type ParamSide = 'build' | 'search';
const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
};

const isInteger = (text: string): boolean => /^[+-]?\d{1,15}$/.test(text);
const isNumber = (text: string): boolean => /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text);

function notOfType(spec: ParamSpec, text: string, side: ParamSide): never {
  const shown = text.slice(0, 200);
  if (spec.kind === 'boolean') return refuse(`param '${spec.key}' (${shown}) should be a boolean`);
  const isInt = spec.kind !== 'number';
  if (side === 'build') {
    if (isInt && isNumber(text))
      return refuse(`wrong data type in json, key: '${spec.key}', value: '${shown}'`);
    return refuse(`invalid ${isInt ? 'integer' : 'float'} value, key: '${spec.key}', value: '${shown}'`);
  }
  if (text === '')
    return refuse(`invalid ${isInt ? 'integer' : 'float'} value, key: '${spec.key}', value: ''`);
  return refuse(
    `Type conflict in json: param '${spec.key}' (${shown}) should be ${isInt ? 'integer' : 'a number'}`,
  );
}

function outOfRange(key: string, text: string, range: string): never {
  return refuse(`Out of range in json: param '${key}' (${text}) should be in range ${range}`);
}

const integerOf = (spec: ParamSpec, text: string, side: ParamSide): number =>
  isInteger(text) ? Number(text) : notOfType(spec, text, side);

/** @throws invalid_parameter */
export function parseParam(spec: ParamSpec, sent: string, side: ParamSide): ParamValue {
  const text = sent.trim();
  switch (spec.kind) {
    case 'boolean': {
      const word = text.toLowerCase();
      return word === 'true' || word === 'false' ? word === 'true' : notOfType(spec, text, side);
    }
    case 'word': {
      const upper = text.toUpperCase();
      const word =
        spec.synonyms !== undefined && Object.hasOwn(spec.synonyms, upper)
          ? (spec.synonyms[upper] ?? upper)
          : upper;
      if (spec.values.includes(word)) return word;
      const text200 = text.slice(0, 200);
      return refuse(
        spec.refusal?.replace('%s', () => text200) ??
          `${spec.key} (${text200}) should be one of ${spec.values.join(', ')}`,
      );
    }
    case 'choice': {
      const value = integerOf(spec, text, side);
      return spec.values.includes(value)
        ? value
        : refuse(`param '${spec.key}' (${text}) should be one of ${spec.values.join(', ')}`);
    }
    case 'integer':
    case 'divisor': {
      const value = integerOf(spec, text, side);
      return value >= spec.min && value <= spec.max
        ? value
        : outOfRange(spec.key, text, `[${spec.min}, ${spec.max}]`);
    }
    case 'number': {
      const value = isNumber(text) ? Number(text) : notOfType(spec, text, side);
      const isBelow = spec.isMaxExcluded ? value < spec.max : value <= spec.max;
      return value >= spec.min && isBelow
        ? value
        : outOfRange(spec.key, text, `[${spec.min}, ${spec.max}${spec.isMaxExcluded ? ')' : ']'}`);
    }
    default:
      return assertNever(spec);
  }
}
