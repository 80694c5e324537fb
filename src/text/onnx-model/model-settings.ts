// What the files beside a model in ONNX say of it: the pieces that stand around a text, how many pieces count, and how the vectors of pieces become
// that of the text. They are those of sentence-transformers; what is not there has the usual value.
import { ElanusError } from '#base/errors.js';
import type { PiecesCut } from '#text/pieces/pieces.js';

export type Pooling = 'mean' | 'first';

export interface ModelSettings {
  /** Numbers of the pieces before and behind those of a text. */
  readonly before: readonly number[];
  readonly behind: readonly number[];
  /** Pieces of a text that count, those around it among them. */
  readonly most: number;
  /** Which pieces of a text with more of them count. */
  readonly keeps: PiecesCut['keeps'];
  readonly pooling: Pooling;
  readonly normalizes: boolean;
}

/** Files by name, where they are there. */
export type SettingsFiles = Readonly<Record<(typeof settingsFiles)[number], Uint8Array | undefined>>;

export const settingsFiles = [
  'config.json',
  'sentence_bert_config.json',
  '1_Pooling/config.json',
  'modules.json',
] as const;

/** Attention costs the square of the pieces, so there is a bound whatever the files say. */
const PIECES_MAX = 512;

/** @throws unsupported, data_corrupt */
export function settingsOf(tokenizer: Uint8Array, files: SettingsFiles): ModelSettings {
  const root = jsonOf('tokenizer.json', tokenizer);
  const { before, behind } = around(member(root, 'post_processor'));
  const truncation = member(root, 'truncation');
  const lengths = [
    member(jsonOf('sentence_bert_config.json', files['sentence_bert_config.json']), 'max_seq_length'),
    member(truncation, 'max_length'),
    PIECES_MAX,
  ];
  const positions = member(jsonOf('config.json', files['config.json']), 'max_position_embeddings');
  const wanted = lengths.find(isCount) ?? PIECES_MAX;
  const most = Math.min(wanted, PIECES_MAX, isCount(positions) ? positions : PIECES_MAX);
  if (most <= before.length + behind.length)
    throw new ElanusError('unsupported', `tokenizer.json: leaves no room for a text in ${most} pieces`);
  const modules = jsonOf('modules.json', files['modules.json']);
  const normalizes =
    !Array.isArray(modules) || modules.some((one) => String(member(one, 'type')).endsWith('.Normalize'));
  const pooling = poolingOf(jsonOf('1_Pooling/config.json', files['1_Pooling/config.json']));
  const keeps = member(truncation, 'direction') === 'Left' ? 'last' : 'first';
  return { before, behind, most, keeps, pooling, normalizes };
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0;

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

function jsonOf(name: string, file: Uint8Array | undefined): unknown {
  if (file === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(file.slice()));
  } catch (cause) {
    throw new ElanusError('data_corrupt', `${name}: is no JSON; take the file from its source again`, {
      cause,
    });
  }
}

/** By the modes that the file sets; the mean where it sets none. */
function poolingOf(config: unknown): Pooling {
  const set = Object.entries(typeof config === 'object' && config !== null ? config : {})
    .filter(([name, value]) => name.startsWith('pooling_mode_') && value === true)
    .map(([name]) => name);
  const named = member(config, 'pooling_mode');
  const modes = typeof named === 'string' ? [`pooling_mode_${named}`] : set;
  if (modes.length === 0) return 'mean';
  const [mode, ...more] = modes;
  if (more.length === 0 && (mode === 'pooling_mode_mean_tokens' || mode === 'pooling_mode_mean'))
    return 'mean';
  if (more.length === 0 && (mode === 'pooling_mode_cls_token' || mode === 'pooling_mode_cls')) return 'first';
  throw new ElanusError(
    'unsupported',
    `1_Pooling/config.json: sets ${modes.join(', ')}, expected pooling_mode_mean_tokens or pooling_mode_cls_token`,
  );
}

interface Around {
  readonly before: readonly number[];
  readonly behind: readonly number[];
}

const nothing: Around = { before: [], behind: [] };

function around(processor: unknown): Around {
  const type = member(processor, 'type');
  // ByteLevel changes places of pieces alone.
  if (processor === undefined || processor === null || type === 'ByteLevel') return nothing;
  if (type === 'BertProcessing' || type === 'RobertaProcessing')
    return { before: [pieceOf(processor, 'cls')], behind: [pieceOf(processor, 'sep')] };
  if (type === 'TemplateProcessing') return aroundByTemplate(processor);
  const parts = member(processor, 'processors');
  if (type === 'Sequence' && Array.isArray(parts))
    return parts.map(around).reduce(
      (inner, outer) => ({
        before: [...outer.before, ...inner.before],
        behind: [...inner.behind, ...outer.behind],
      }),
      nothing,
    );
  throw new ElanusError(
    'unsupported',
    `tokenizer.json: has a post_processor ${String(type)}, expected TemplateProcessing, BertProcessing or RobertaProcessing`,
  );
}

/** As `["[CLS]", 101]`. */
function pieceOf(processor: unknown, name: string): number {
  const value = member(processor, name);
  const id: unknown = Array.isArray(value) ? value[1] : undefined;
  return idOf(id, name);
}

function idOf(id: unknown, name: string): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0) return id;
  throw new ElanusError('data_corrupt', `tokenizer.json: its post_processor has no number for ${name}`);
}

function aroundByTemplate(processor: unknown): Around {
  const parts = member(processor, 'single');
  const [before, behind]: [number[], number[]] = [[], []];
  let side = before;
  for (const part of Array.isArray(parts) ? parts : []) {
    const special = member(part, 'SpecialToken');
    if (special === undefined) {
      side = behind;
      continue;
    }
    const name = String(member(special, 'id'));
    const ids = member(member(member(processor, 'special_tokens'), name), 'ids');
    for (const id of Array.isArray(ids) ? ids : [undefined]) side.push(idOf(id, name));
  }
  return { before, behind };
}
