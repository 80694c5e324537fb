// One client that changes names and rights while the others work: collections of its own are made, renamed and dropped, an alias moves between
// them, roles come and go and are granted privileges on names. What a name means, and who may what, is known exactly after each confirmed
// step: grants go with what they name, follow it to its new name, and wait for names that nobody has. Nobody else changes these: the first try of
// a change is never refused, whoever dies over it.
import { ElanusError, type ErrorKey } from '#base/errors.js';
import { nextBelow, nextFloat, type Random } from '#base/random.js';
import type { Timers } from '#platform/time.js';
import { Violation } from './model.js';
import type { NamesClient } from './names-client.js';
import { checkAnswered } from './service-calls.js';
import type { Trace } from './trace.js';

export interface NamesParts {
  readonly client: NamesClient;
  readonly random: Random;
  readonly timers: Timers;
  readonly trace: Trace;
}

type UntilReady = (call: () => Promise<boolean>) => Promise<void>;

const collectionNames = ['n0', 'n1', 'n2'] as const;
const roleNames = ['r0', 'r1'] as const;
const privileges = ['Search', 'Insert'] as const;
const ALIAS = 'other';
/** A call without an outcome may take effect this much later: the next step waits for it. */
const LATE_MS_MAX = 15_000;

interface Step {
  readonly name: string;
  readonly what: string;
  /** Throws when it must be tried again; then it may have been carried out all the same. */
  readonly call: () => Promise<void>;
  /** What holds once it is confirmed. */
  readonly confirmed: () => void;
}

const says = (text: RegExp) => (error: ElanusError) => text.test(error.message);
const is =
  (...keys: readonly ErrorKey[]) =>
  (error: ElanusError) =>
    keys.includes(error.key);

export class Names {
  readonly #parts: NamesParts;
  /** Ids of collections by their names. */
  readonly #ids = new Map<string, bigint>();
  /** The collection that has the alias. */
  #aliased: string | undefined;
  /** `privilege name` of each role that there is. */
  readonly #grants = new Map<string, Set<string>>();
  #todo: Step | undefined;
  #isUncertain = false;

  constructor(parts: NamesParts) {
    this.#parts = parts;
  }

  async run(operations: number): Promise<void> {
    for (let done = 0; done < operations; done++) {
      await this.#parts.timers.sleep(nextFloat(this.#parts.random) * 600);
      this.#todo ??= this.#plan();
      await this.#next();
    }
  }

  /** One change to its end. */
  async one(untilReady: UntilReady): Promise<void> {
    this.#todo ??= this.#plan();
    await untilReady(() => this.#next());
  }

  /** What was begun is brought to its end, and all is looked at. */
  async finish(untilReady: UntilReady): Promise<void> {
    if (this.#todo !== undefined) await untilReady(() => this.#next());
    await this.compare(untilReady);
  }

  /** @throws Violation when a name or a right is not as it was left */
  async compare(untilReady: UntilReady): Promise<void> {
    await untilReady(async () => {
      try {
        await this.#look();
        return true;
      } catch (error) {
        if (error instanceof Violation) throw error;
        return false;
      }
    });
  }

  /** @returns whether the step is over */
  async #next(): Promise<boolean> {
    const step = this.#todo;
    if (step === undefined) return true;
    const { trace, timers } = this.#parts;
    trace.add('names', step.name, { what: step.what });
    try {
      await step.call();
      trace.add('names', 'ok');
    } catch (error) {
      if (error instanceof Violation) throw error;
      trace.add('names', 'failed', { reason: error instanceof Error ? error.message : String(error) });
      checkAnswered(step.name, error);
      if (!this.#isUncertain && error instanceof ElanusError && error.spec.input === true)
        throw new Violation(
          `a change is refused that nobody is in the way of: ${step.name} ${step.what}: ${error.message}`,
        );
      this.#isUncertain = true;
      return false;
    }
    step.confirmed();
    this.#todo = undefined;
    if (this.#isUncertain) await timers.sleep(LATE_MS_MAX);
    this.#isUncertain = false;
    return true;
  }

  #one<T>(choices: readonly T[]): T {
    return choices[nextBelow(this.#parts.random, choices.length)] as T;
  }

  #plan(): Step {
    const draw = nextFloat(this.#parts.random);
    const there = [...this.#ids.keys()];
    const free = collectionNames.filter((name) => !this.#ids.has(name));
    if (draw < 0.5) return this.#rights();
    if (free.length > 0 && (there.length === 0 || draw < 0.62)) return this.#create(this.#one(free));
    if (free.length > 0 && draw < 0.77) return this.#rename(this.#one(there), this.#one(free));
    if (draw < 0.88) return this.#alias(this.#one(there));
    return this.#drop(this.#one(there));
  }

  /** What a try finds that comes after one without an outcome. */
  async #unless(call: Promise<unknown>, isExpected: (error: ElanusError) => boolean): Promise<void> {
    try {
      await call;
    } catch (error) {
      if (!this.#isUncertain || !(error instanceof ElanusError) || !isExpected(error)) throw error;
    }
  }

  #rights(): Step {
    const role = this.#one(roleNames);
    const held = this.#grants.get(role);
    if (held === undefined) return this.#createRole(role);
    if (nextFloat(this.#parts.random) < 0.15) return this.#dropRole(role);
    return this.#grant(role, held, this.#one(privileges), this.#one([...collectionNames, '*']));
  }

  #createRole(role: string): Step {
    const call = () => this.#unless(this.#parts.client.createRole(role), says(/already exists/));
    return { name: 'create-role', what: role, call, confirmed: () => void this.#grants.set(role, new Set()) };
  }

  #dropRole(role: string): Step {
    const call = () => this.#unless(this.#parts.client.dropRole(role), says(/not found the role/));
    return { name: 'drop-role', what: role, call, confirmed: () => void this.#grants.delete(role) };
  }

  #grant(role: string, held: Set<string>, privilege: string, name: string): Step {
    const grant = `${privilege} ${name}`;
    const takes = held.has(grant);
    return {
      name: takes ? 'revoke' : 'grant',
      what: `${grant} ${role}`,
      call: () => this.#parts.client.operate(role, privilege, name, takes),
      confirmed: () => void (takes ? held.delete(grant) : held.add(grant)),
    };
  }

  #create(name: string): Step {
    const { client } = this.#parts;
    let id = 0n;
    const call = async (): Promise<void> => {
      await client.create(name);
      id = (await client.idOf(name)) ?? 0n;
    };
    return { name: 'create-named', what: name, call, confirmed: () => void this.#ids.set(name, id) };
  }

  #drop(name: string): Step {
    const confirmed = (): void => {
      this.#ids.delete(name);
      if (this.#aliased === name) this.#aliased = undefined;
      this.#moveGrants(name, undefined);
    };
    const call = () => this.#unless(this.#parts.client.drop(name), is('collection_not_found'));
    return { name: 'drop-named', what: name, call, confirmed };
  }

  #rename(from: string, to: string): Step {
    const { client } = this.#parts;
    const id = this.#ids.get(from);
    const call = async (): Promise<void> => {
      // A try that got lost may have been carried out: then the new name has it.
      if (this.#isUncertain && (await client.idOf(to)) === id) return;
      await client.rename(from, to);
    };
    const confirmed = (): void => {
      this.#ids.delete(from);
      if (id !== undefined) this.#ids.set(to, id);
      if (this.#aliased === from) this.#aliased = to;
      this.#moveGrants(from, to);
    };
    return { name: 'rename', what: `${from} ${to}`, call, confirmed };
  }

  #alias(name: string): Step {
    const { client } = this.#parts;
    if (this.#aliased === name) {
      const confirmed = (): void => {
        this.#aliased = undefined;
      };
      return { name: 'drop-alias', what: name, call: () => client.dropAlias(ALIAS), confirmed };
    }
    const isNew = this.#aliased === undefined;
    const confirmed = (): void => {
      this.#aliased = name;
    };
    const call = () => (isNew ? client.createAlias(name, ALIAS) : client.alterAlias(name, ALIAS));
    return { name: isNew ? 'create-alias' : 'move-alias', what: name, call, confirmed };
  }

  #moveGrants(from: string, to: string | undefined): void {
    for (const held of this.#grants.values())
      for (const privilege of privileges)
        if (held.delete(`${privilege} ${from}`) && to !== undefined) held.add(`${privilege} ${to}`);
  }

  async #look(): Promise<void> {
    const { client } = this.#parts;
    for (const name of collectionNames)
      same(`collection ${name}`, await client.idOf(name), this.#ids.get(name));
    const aliased = this.#aliased === undefined ? undefined : this.#ids.get(this.#aliased);
    same(`the alias of ${this.#aliased}`, await client.idOf(ALIAS), aliased);
    const roles = await client.roles();
    for (const role of roleNames) {
      const held = this.#grants.get(role);
      same(`role ${role}`, roles.includes(role), held !== undefined);
      if (held === undefined) continue;
      same(`grants of ${role}`, (await client.grantsOf(role)).sort().join(), [...held].sort().join());
    }
  }
}

function same(what: string, is: unknown, expected: unknown): void {
  if (is !== expected)
    throw new Violation(`a name or a right is not as it was left: ${what} is ${is}, expected ${expected}`);
}
