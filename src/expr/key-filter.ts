// The filters of this version: none, or a list of primary keys. `pk in [..]`, `pk not in [..]`, `pk == v`, `pk != v`, and templates for v and the list.
// Everything else is told apart by filter-check.ts: for a later version, or no filter at all.
import { ElanusError } from '#base/errors.js';
import { Lexer, type Token } from '#expr/parse/lexer.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import { primaryField } from '#model/schema/field.js';
import { dynamicField } from '#model/schema/schema-view.js';
import type { Column } from '#proto/elanus/data.js';
import type { CollectionSchema, TemplateValue } from '#proto/milvus/schema.js';
import { checkDepth, checkFilterSyntax } from './filter-check.js';
import { KeyList, type KeyValue, templateScalar } from './key-list.js';

/** `keys` in the order written; a key written twice is there twice. */
export type KeyFilter =
  | { readonly kind: 'all' }
  | { readonly kind: 'keys'; readonly keys: Column; readonly keyCount: number; readonly negated: boolean };
type Templates = Readonly<Record<string, TemplateValue>>;

const KEYS_MAX = 1_000_000;
const SHOWN_LENGTH = 512;
/** Characters of a filter: a million 64-bit keys with room for commas and spaces. Longer lists of texts go into templates. */
export const FILTER_LENGTH_MAX = 32 * 1024 * 1024;

/** @throws invalid_parameter for what no version can read, unsupported for filters beyond keys */
export function parseKeyFilter(schema: CollectionSchema, expr: string, templates: Templates = {}): KeyFilter {
  if (expr.length > FILTER_LENGTH_MAX) {
    throw cannotParse(
      expr,
      `the expression has ${expr.length} characters, expected at most ${FILTER_LENGTH_MAX}; send a long list of keys as a template value, or in several requests`,
    );
  }
  const text = expr.trim();
  if (text === '') return { kind: 'all' };
  try {
    return new KeyFilterParser(schema, text, templates).parse() ?? refuseOther(schema, text);
  } catch (error) {
    if (error instanceof FilterSyntaxError) throw cannotParse(text, error.message, error);
    if (
      error instanceof ElanusError &&
      error.key === 'invalid_parameter' &&
      !error.message.startsWith('failed to create query plan')
    ) {
      throw cannotParse(text, error.message, error);
    }
    throw error;
  }
}

const shown = (text: string): string =>
  text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}…`;
const cannotParse = (text: string, why: string, cause?: unknown): ElanusError =>
  new ElanusError(
    'invalid_parameter',
    `failed to create query plan: cannot parse expression: ${shown(text)}, error: ${why}`,
    { cause },
  );

/** The filter is no key list: find out what to say. */
function refuseOther(schema: CollectionSchema, text: string): never {
  const facts = checkFilterSyntax(new Lexer(text));
  const isKnown = (name: string): boolean =>
    dynamicField(schema) !== undefined || schema.fields.some((field) => field.name === name);
  const missing = facts.names.find((name) => !isKnown(name));
  if (missing !== undefined) throw cannotParse(text, `field ${missing} not exist`);
  if (facts.isBareOperand)
    throw new ElanusError(
      'invalid_parameter',
      `failed to create query plan: predicate is not a boolean expression: ${shown(text)}`,
    );
  const key = primaryField(schema).name;
  throw new ElanusError(
    'unsupported',
    `filter ${shown(text)} is not supported in this version: filters beyond primary keys come later; use '${key} in [..]', '${key} not in [..]' or '${key} == value'`,
  );
}

class KeyFilterParser {
  private readonly lexer: Lexer;
  private readonly keys: KeyList;
  private readonly keyName: string;
  private readonly templates: Templates;

  constructor(schema: CollectionSchema, text: string, templates: Templates) {
    this.lexer = new Lexer(text);
    this.keys = new KeyList(primaryField(schema));
    this.keyName = primaryField(schema).name;
    this.templates = templates;
  }

  /** Undefined: not a filter of keys, or not well formed. */
  parse(): KeyFilter | undefined {
    let depth = 0;
    let token = this.lexer.next();
    for (; isOp(token, '('); token = this.lexer.next()) checkDepth(++depth);
    const negated = this.isKey(token) ? this.takeVerb() : this.takeReversed(token);
    if (negated === undefined) return undefined;
    for (; depth > 0; depth--) if (!isOp(this.lexer.next(), ')')) return undefined;
    if (this.lexer.next().kind !== 'end') return undefined;
    return { kind: 'keys', keys: this.keys.finish(), keyCount: this.keys.count, negated };
  }

  private isKey(token: Token): boolean {
    return token.kind === 'word' && token.text === this.keyName;
  }

  /** Behind the key's name. @returns negated */
  private takeVerb(): boolean | undefined {
    const verb = this.lexer.next();
    if (isOp(verb, '==') || isOp(verb, '!=')) return this.takeOne() ? isOp(verb, '!=') : undefined;
    const negated = isWord(verb, 'not');
    if (!isWord(negated ? this.lexer.next() : verb, 'in')) return undefined;
    return this.takeList() ? negated : undefined;
  }

  /** `value == key`. */
  private takeReversed(first: Token): boolean | undefined {
    const value = this.valueOf(first);
    if (value === undefined) return undefined;
    const verb = this.lexer.next();
    if ((!isOp(verb, '==') && !isOp(verb, '!=')) || !this.isKey(this.lexer.next())) return undefined;
    this.addOne(value);
    return isOp(verb, '!=');
  }

  private takeOne(): boolean {
    const value = this.valueOf(this.lexer.next());
    if (value === undefined) return false;
    const following = this.lexer.peek();
    // `pk == 1 + 1`, `pk == a[0]` and the like are not literals.
    if (following.kind !== 'end' && !isOp(following, ')')) return false;
    this.addOne(value);
    return true;
  }

  private addOne(value: KeyValue): void {
    // An int64 key equals a float of the same value; with a fraction it equals nothing.
    if (typeof value === 'number' && this.keys.isNumeric) {
      if (Number.isInteger(value)) this.keys.add(BigInt(value));
      return;
    }
    if (this.keys.add(value)) return;
    if (typeof value === 'bigint' && this.keys.isNumeric)
      throw new FilterSyntaxError(`int64 overflow: ${value}`);
    throw new ElanusError(
      'invalid_parameter',
      'comparison operations cannot be applied to two incompatible operands',
    );
  }

  private takeList(): boolean {
    const open = this.lexer.next();
    if (open.kind === 'template') {
      this.takeTemplateList(open.name);
      return true;
    }
    if (!isOp(open, '[')) return false;
    for (;;) {
      if (!this.takeShortInteger() && !this.takeElement()) return false;
      if (this.keys.count > KEYS_MAX)
        throw new ElanusError(
          'invalid_parameter',
          `the list has more than ${KEYS_MAX} keys; split the request`,
        );
      const separator = this.lexer.text.charCodeAt(this.lexer.at);
      if (separator === 0x2c) this.lexer.at++;
      else {
        const token = this.lexer.next();
        if (isOp(token, ']')) return true;
        if (!isOp(token, ',')) return false;
      }
      if (isOp(this.lexer.peek(), ']')) return this.lexer.next().kind === 'op';
    }
  }

  private takeTemplateList(name: string): void {
    const value = this.template(name);
    if (value.val?.$case !== 'arrayVal')
      throw new FilterSyntaxError("the right-hand side of 'in' must be a list");
    this.keys.addArray(value.val.value);
    if (this.keys.count > KEYS_MAX)
      throw new ElanusError(
        'invalid_parameter',
        `the list has more than ${KEYS_MAX} keys; split the request`,
      );
  }

  /** One decimal integer of at most 15 digits, without making a token; anything else is left in place. */
  private takeShortInteger(): boolean {
    if (!this.keys.isNumeric) return false;
    this.lexer.skipSpace();
    const { text } = this.lexer;
    let at = this.lexer.at;
    const isNegative = text.charCodeAt(at) === 0x2d;
    if (isNegative) at++;
    const begin = at;
    let value = 0;
    for (;;) {
      const digit = text.charCodeAt(at) - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      at++;
    }
    const following = text.charCodeAt(at);
    const isPlain = following === 0x2c || following === 0x20 || following === 0x5d || following === 0x0a;
    if (!isPlain || at === begin || at - begin > 15 || (at - begin > 1 && text.charCodeAt(begin) === 0x30))
      return false;
    this.keys.addNumber(isNegative ? -value : value);
    this.lexer.at = at;
    return true;
  }

  private takeElement(): boolean {
    const token = this.lexer.next();
    if (isOp(token, ']')) {
      this.lexer.at--; // an empty list: the caller sees its end
      return true;
    }
    const value = this.valueOf(token);
    if (value === undefined) return false;
    if (this.keys.add(value)) return true;
    if (typeof value === 'bigint' && this.keys.isNumeric)
      throw new FilterSyntaxError(`int64 overflow: ${value}`);
    return this.keys.refuseInList(value);
  }

  /** A literal or a scalar template; undefined for anything else. */
  private valueOf(token: Token): KeyValue | undefined {
    switch (token.kind) {
      case 'int':
      case 'float':
      case 'string':
        return token.value;
      case 'template':
        return templateScalar(this.template(token.name));
      case 'word':
        if (/^(?:true|True|TRUE)$/.test(token.text)) return true;
        return /^(?:false|False|FALSE)$/.test(token.text) ? false : undefined;
      case 'op': {
        if (token.text !== '-' && token.text !== '+') return undefined;
        const number = this.lexer.next();
        if (number.kind === 'int') return token.text === '-' ? -number.value : number.value;
        if (number.kind === 'float') return token.text === '-' ? -number.value : number.value;
        return undefined;
      }
      default:
        return undefined;
    }
  }

  private template(name: string): TemplateValue {
    const value = Object.hasOwn(this.templates, name) ? this.templates[name] : undefined;
    if (value === undefined)
      throw new FilterSyntaxError(`the value of expression template variable name {${name}} is not found`);
    return value;
  }
}

const isOp = (token: Token, text: string): boolean => token.kind === 'op' && token.text === text;
/** Keywords are all lower or all upper case. */
const isWord = (token: Token, word: string): boolean =>
  token.kind === 'word' && (token.text === word || token.text === word.toUpperCase());
