// Where a provider is and with which key it is asked. A function may name a credential and an address; both have to stand in the settings, so
// that no request makes the server call whatever it names, nor sends a key to where it does not belong.
import { type RequestParams, refuse } from '#model/params/request-params.js';
import type { Credential, ProviderEntry, ProviderSettings } from './provider-settings.js';

export interface Provider {
  readonly name: string;
  /** Address of the provider, which may depend on a region; empty: whoever runs it says where it is. */
  readonly url: string | ((params: RequestParams, entry: ProviderEntry) => string);
  readonly keyVariable: string | undefined;
}

export interface Access {
  readonly base: string;
  readonly credential: Credential;
}

type Settings = Pick<ProviderSettings, 'credentials' | 'origins' | 'environment'>;

const NO_ENTRY: ProviderEntry = {};
const NO_CREDENTIAL: Credential = {};

/** @throws invalid_parameter */
export function accessOf(
  provider: Provider,
  params: RequestParams,
  entry: ProviderEntry = NO_ENTRY,
  settings: Settings,
): Access {
  const own = ownAddress(provider, params, entry, settings);
  const sent = params.text('endpoint') ?? params.text('url');
  const base = sent === undefined ? own : checkedAddress(sent, own, settings);
  if (base === '') refuse(`endpoint: [] is not a valid http/https link; name where ${provider.name} is`);
  const named = params.text('credential');
  if (named !== undefined) return { base, credential: credentialOf(named, settings) };
  // The key of a provider goes to that provider alone.
  const isOwn = own !== '' && new URL(base).origin === new URL(own).origin;
  const credential = isOwn ? ownCredential(provider, entry, settings) : NO_CREDENTIAL;
  const isPublic = isOwn && entry.url === undefined && provider.keyVariable !== undefined;
  if (isPublic && Object.values(credential).every((value) => value === undefined))
    refuse(
      `missing credentials config or configure the MILVUS_${provider.keyVariable} environment variable in the Milvus service`,
    );
  return { base, credential };
}

function ownAddress(
  { name, url }: Provider,
  params: RequestParams,
  entry: ProviderEntry,
  { environment }: Settings,
): string {
  if (entry.url !== undefined && entry.url !== '') return entry.url;
  if (typeof url !== 'string') return url(params, entry);
  if (name !== 'azure_openai') return url;
  const resource =
    entry.resource_name ??
    environment.MILVUS_AZURE_OPENAI_RESOURCE_NAME ??
    environment.MILVUSAI_AZURE_OPENAI_RESOURCE_NAME;
  if (resource === undefined || !isHostPart(resource))
    return refuse(
      'must configure the MILVUS_AZURE_OPENAI_RESOURCE_NAME environment variable in the Milvus service',
    );
  return `https://${resource}.openai.azure.com`;
}

/** What may be a part of the name of a machine without changing which machine it is. */
const isHostPart = (text: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(text);

function checkedAddress(sent: string, own: string, { origins }: Settings): string {
  const url = URL.canParse(sent) ? new URL(sent) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    return refuse(`endpoint: [${sent.slice(0, 200)}] is not a valid http/https link`);
  const isAllowed = origins.has(url.origin) || (own !== '' && new URL(own).origin === url.origin);
  if (isAllowed) return url.href;
  return refuse(
    `endpoint: [${sent.slice(0, 200)}] is not among the addresses that this server may call; whoever runs it lists ${url.origin} in the origins of its functions`,
  );
}

function credentialOf(name: string, { credentials }: Settings): Credential {
  const known = credentials.get(name);
  if (known !== undefined) return known;
  return refuse(
    `credential [${name.slice(0, 64)}] is not known; name one that whoever runs the server has configured, not the key itself`,
  );
}

function ownCredential({ keyVariable }: Provider, entry: ProviderEntry, settings: Settings): Credential {
  if (entry.credential !== undefined && entry.credential !== '')
    return credentialOf(entry.credential, settings);
  const { environment } = settings;
  const variable = (name: string): string | undefined =>
    environment[`MILVUS_${name}`] ?? environment[`MILVUSAI_${name}`];
  const key = keyVariable && variable(keyVariable);
  if (key === undefined || key === '') return NO_CREDENTIAL;
  const secret = variable('BEDROCK_SECRET_ACCESS_KEY');
  if (keyVariable !== 'BEDROCK_ACCESS_KEY_ID') return { apikey: key };
  return { access_key_id: key, ...(secret === undefined ? {} : { secret_access_key: secret }) };
}

/** @throws invalid_parameter */
export function checkEnabled(entry: ProviderEntry | undefined, text: string): void {
  if (entry?.enable !== undefined && String(entry.enable).toLowerCase() === 'false') refuse(text);
}
