// What the operator says of the services that functions ask: keys, addresses, local models. No request can bring any of it; it can name what
// stands here. The shape is that of the blocks `credential` and `function` of a milvus.yaml, as JSON.
import { ElanusError } from '#base/errors.js';

/** A key, a pair of keys, or an account, by the names that milvus.yaml has for them. */
export interface Credential {
  readonly apikey?: string;
  readonly access_key_id?: string;
  readonly secret_access_key?: string;
  /** The JSON of a service account, as base64. */
  readonly credential_json?: string;
}

/** What is set for one provider; functions that name something themselves go before it. */
export interface ProviderEntry {
  readonly enable?: boolean | string;
  /** Name of a credential. */
  readonly credential?: string;
  readonly url?: string;
  readonly resource_name?: string;
  readonly region?: string;
  readonly location?: string;
  readonly project_id?: string;
}

type Entries = Readonly<Record<string, ProviderEntry>>;

/** The setting, as a file or `open` gives it. */
export interface FunctionsConfig {
  readonly credential?: Readonly<Record<string, Credential>>;
  readonly function?: {
    readonly textEmbedding?: { readonly providers?: Entries; readonly batchFactor?: number };
    readonly rerank?: { readonly model?: { readonly providers?: Entries } };
  };
  /** Addresses that `url` and `endpoint` of functions may name, such as `http://127.0.0.1:8080`, beside those of providers. */
  readonly origins?: readonly string[];
  /** Models of this machine by name: a folder, or the name of an installed package. */
  readonly models?: Readonly<Record<string, string>>;
}

export interface ProviderSettings {
  readonly credentials: ReadonlyMap<string, Credential>;
  readonly textEmbedding: ReadonlyMap<string, ProviderEntry>;
  readonly rerank: ReadonlyMap<string, ProviderEntry>;
  readonly origins: ReadonlySet<string>;
  readonly models: ReadonlyMap<string, string>;
  /** A request has at most this times the texts that a provider takes at once. */
  readonly batchFactor: number;
  /** Keys from the environment, by the name of their variable. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** As Milvus's. */
const BATCH_FACTOR = 5;
const BATCH_FACTOR_MAX = 1000;

function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', `functions: ${text}`);
}

/** @throws invalid_parameter for what is not of that shape, with the place and without the value, which may be a key */
export function providerSettings(
  config: FunctionsConfig | undefined,
  environment: ProviderSettings['environment'] = {},
): ProviderSettings {
  const root = members(config ?? {}, '', ['credential', 'function', 'origins', 'models']);
  const made = members(root.function ?? {}, 'function', ['textEmbedding', 'rerank']);
  const embedding = members(made.textEmbedding ?? {}, 'function.textEmbedding', ['providers', 'batchFactor']);
  const rerank = members(made.rerank ?? {}, 'function.rerank', ['model']);
  const model = members(rerank.model ?? {}, 'function.rerank.model', ['providers']);
  return {
    credentials: entries(root.credential, 'credential', credentialKeys),
    textEmbedding: entries(embedding.providers, 'function.textEmbedding.providers', providerKeys),
    rerank: entries(model.providers, 'function.rerank.model.providers', providerKeys),
    origins: originsOf(root.origins ?? []),
    models: modelsOf(root.models ?? {}),
    batchFactor: batchFactorOf(embedding.batchFactor ?? BATCH_FACTOR),
    environment,
  };
}

const credentialKeys = ['apikey', 'access_key_id', 'secret_access_key', 'credential_json'];
const providerKeys = [
  'enable',
  'credential',
  'url',
  'resource_name',
  'region',
  'location',
  'project_id',
] as const;

function members(value: unknown, place: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse(`${place || 'the setting'} is no object, expected one with ${known.join(', ')}`);
  const record = value as Readonly<Record<string, unknown>>;
  const other = Object.keys(record).find((key) => !known.includes(key));
  if (other !== undefined)
    refuse(`${place === '' ? '' : `${place}.`}${other} is not known, expected one of ${known.join(', ')}`);
  return record;
}

function entries<T extends Credential | ProviderEntry>(
  value: unknown,
  place: string,
  keys: readonly string[],
): ReadonlyMap<string, T> {
  if (value === undefined || value === null) return new Map();
  if (typeof value !== 'object' || Array.isArray(value))
    refuse(`${place} is no object, expected one with an entry for each name`);
  return new Map(
    Object.entries(value).map(([name, entry]) => {
      const at = `${place}.${name}`;
      const read = members(entry, at, keys);
      for (const [key, one] of Object.entries(read))
        if (typeof one !== 'string' && !(key === 'enable' && typeof one === 'boolean'))
          refuse(`${at}.${key} is no text, expected one`);
      if (typeof read.apikey === 'string') checkKey(read.apikey, `${at}.apikey`);
      if (typeof read.url === 'string') originOf(read.url, `${at}.url`);
      return [place === 'credential' ? name : name.toLowerCase(), read as T];
    }),
  );
}

/** A key that no header takes would fail each call, late. White space around it does not get into a header. */
export function checkKey(key: string, place: string): void {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(key.trim()))
    refuse(
      `${place} has a character that no header takes (a line break, or one beyond Latin-1), expected the key alone`,
    );
}

function originsOf(value: unknown): ReadonlySet<string> {
  if (!Array.isArray(value)) return refuse('origins is no list, expected one of addresses');
  return new Set(value.map((one: unknown, at) => originOf(one, `origins[${at}]`)));
}

function modelsOf(value: unknown): ReadonlyMap<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuse('models is no object, expected one with a folder or a package for each name');
  return new Map(
    Object.entries(value).map(([name, source]): [string, string] => {
      if (typeof source === 'string' && source !== '' && !source.includes('\0')) return [name, source];
      return refuse(`models.${name} is no folder and no package, expected a text`);
    }),
  );
}

function originOf(value: unknown, place: string): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    return refuse(`${place} is no address, expected one that begins with http:// or https://`);
  // Requests cannot be made of such an address, and what says so shows all of it to whoever asked.
  if (url.username !== '' || url.password !== '')
    return refuse(
      `${place} has a user or a password, expected an address without; keys belong to a credential`,
    );
  return url.origin;
}

function batchFactorOf(value: unknown): number {
  const isFit = typeof value === 'number' && Number.isInteger(value) && value >= 1;
  if (isFit && value <= BATCH_FACTOR_MAX) return value;
  return refuse(
    `function.textEmbedding.batchFactor is not usable, expected a whole number from 1 to ${BATCH_FACTOR_MAX}`,
  );
}

/** What of the environment are keys of providers. */
export const providerEnvironment = (
  environment: Readonly<Record<string, string | undefined>>,
): ProviderSettings['environment'] =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => /^MILVUS(?:AI)?_[A-Z_]+$/.test(name)));
