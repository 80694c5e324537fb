// What many short tasks have in common: all of their input but arrays, which are copied for each. A frame goes to a thread once, as a message; a
// task then is its arrays and the frame's number. What is asked once is not worth that: a frame is used from its second task on.
import type { SharedRegion } from '#platform/workers.js';
import { type FlatArray, isFlatArray } from './flat-values.js';

export interface FramedTask {
  readonly task: string;
  readonly input: unknown;
  readonly regions: readonly SharedRegion[];
}

export interface Frame {
  readonly id: number;
  readonly task: string;
  readonly regions: readonly SharedRegion[];
  readonly constant: Readonly<Record<string, unknown>>;
  /** Names of the arrays, in their order. */
  readonly arrays: readonly string[];
  /** Tasks in slots that have it. */
  users: number;
  /** A thread cannot get it. */
  isRefused: boolean;
}

/** Indexes and kinds of searches that are asked side by side. */
const FRAMES_MAX = 16;
const DEPTH_MAX = 4;

export class TaskFrames {
  /** The latest first. */
  readonly #frames: Frame[] = [];
  readonly #dropped: (frame: Frame) => void;
  #nextId = 1;

  /** @param dropped threads forget it, too */
  constructor(dropped: (frame: Frame) => void) {
    this.#dropped = dropped;
  }

  /** @returns undefined: nothing like it was seen, or it cannot be shared */
  of(asked: FramedTask): Frame | undefined {
    for (const [at, frame] of this.#frames.entries()) {
      if (!isOf(frame, asked)) continue;
      if (at > 0) this.#frames.unshift(...this.#frames.splice(at, 1));
      return frame.isRefused ? undefined : frame;
    }
    this.#note(asked);
    return undefined;
  }

  #note({ task, input, regions }: FramedTask): void {
    if (!isPlain(input)) return;
    const constant: Record<string, unknown> = {};
    const arrays: string[] = [];
    for (const [name, value] of Object.entries(input)) {
      if (isOwnArray(value)) arrays.push(name);
      else if (isKept(value, DEPTH_MAX)) constant[name] = copyOf(value);
      else return;
    }
    if (this.#frames.length >= FRAMES_MAX) {
      const at = this.#frames.findLastIndex(({ users }) => users === 0);
      if (at < 0) return;
      for (const frame of this.#frames.splice(at, 1)) this.#dropped(frame);
    }
    const frame = { id: this.#nextId++, task, regions, constant, arrays, users: 0, isRefused: false };
    this.#frames.unshift(frame);
  }

  /** The region goes. No task has it. */
  forgetRegion(id: number): void {
    for (let at = this.#frames.length - 1; at >= 0; at--) {
      const frame = this.#frames[at];
      if (!frame?.regions.some((region) => region.id === id)) continue;
      this.#frames.splice(at, 1);
      this.#dropped(frame);
    }
  }
}

function isOf(frame: Frame, { task, input, regions }: FramedTask): boolean {
  if (frame.task !== task || frame.regions.length !== regions.length || !isPlain(input)) return false;
  for (let at = 0; at < regions.length; at++) if (frame.regions[at] !== regions[at]) return false;
  let arrays = 0;
  let constants = 0;
  for (const name in input) {
    const value = input[name];
    if (isOwnArray(value)) {
      if (frame.arrays[arrays++] !== name) return false;
    } else {
      constants++;
      if (!isSamePart(frame.constant, name, value)) return false;
    }
  }
  return arrays === frame.arrays.length && constants === Object.keys(frame.constant).length;
}

/** Its contents are the task's own; those of shared memory every thread sees. */
const isOwnArray = (value: unknown): value is FlatArray =>
  isFlatArray(value) && value.buffer instanceof ArrayBuffer;

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  return Object.getPrototypeOf(value) === Object.prototype;
}

const isValue = (value: unknown): boolean =>
  value === undefined || value === null || ['number', 'string', 'boolean', 'bigint'].includes(typeof value);

/** Whether what it says now can be compared with what it says later. */
function isKept(value: unknown, depth: number): boolean {
  if (isValue(value)) return true;
  if (isFlatArray(value)) return !isOwnArray(value);
  if (Object.isFrozen(value)) return true;
  if (depth === 0) return false;
  if (Array.isArray(value)) return value.every((one) => isKept(one, depth - 1));
  return isPlain(value) && Object.values(value).every((one) => isKept(one, depth - 1));
}

/** What may be written to later is copied; what is frozen stays as it is, with all that is in it. */
function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isFlatArray(value) || Object.isFrozen(value))
    return value;
  if (Array.isArray(value)) return value.map(copyOf);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, copyOf(one)]));
}

const isSamePart = (kept: Readonly<Record<string, unknown>>, name: string, value: unknown): boolean =>
  isSame(kept[name], value) && (value !== undefined || Object.hasOwn(kept, name));

function isSame(kept: unknown, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return Object.is(kept, value);
  if (typeof kept !== 'object' || kept === null) return false;
  if (kept === value) return true; // It is frozen, or shared memory: everything else was copied.
  if (isFlatArray(value)) return isFlatArray(kept) && isSameMemory(kept, value);
  if (Array.isArray(value) || Array.isArray(kept))
    return (
      Array.isArray(value) &&
      Array.isArray(kept) &&
      value.length === kept.length &&
      value.every((one, at) => isSame(kept[at], one))
    );
  if (!isPlain(value) || !isPlain(kept)) return false;
  let names = 0;
  for (const name in value) {
    names++;
    if (!isSamePart(kept, name, value[name])) return false;
  }
  for (const _ in kept) names--;
  return names === 0;
}

const isSameMemory = (a: FlatArray, b: FlatArray): boolean =>
  a.constructor === b.constructor &&
  a.buffer === b.buffer &&
  a.byteOffset === b.byteOffset &&
  a.byteLength === b.byteLength &&
  b.buffer instanceof SharedArrayBuffer;
