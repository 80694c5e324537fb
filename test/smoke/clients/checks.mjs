// Checks that are counted, for client programs: one line a check, and at the end the plain line `N passed, N failed`. Plain JavaScript
// without `node:` modules, so that it runs wherever a client runs.

export class Checks {
  #passed = 0;
  #failed = 0;

  async run(name, step) {
    const begin = performance.now();
    try {
      const note = await step();
      this.#passed++;
      const ms = Math.round(performance.now() - begin);
      console.log(`  ok    ${name}${typeof note === 'string' ? `: ${note}` : ''} (${ms} ms)`);
    } catch (error) {
      this.#failed++;
      console.log(`  FAIL  ${name}\n${error instanceof Error ? error.stack : String(error)}`);
    }
  }

  /** Returns the exit code. */
  end() {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    return this.#failed === 0 && this.#passed > 0 ? 0 : 1;
  }
}

export function equal(actual, expected, what = '') {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what} ${a}, expected ${b}`);
}

/** The answer, if its status is a success in the words of every generation. */
export function done(answer, what = '') {
  const status = answer?.status ?? answer;
  const isDone = status?.error_code === 'Success' || (status?.error_code === undefined && status?.code === 0);
  if (!isDone || (status.code ?? 0) !== 0)
    throw new Error(`${what} answered ${JSON.stringify(status)}, expected success`);
  return answer;
}

export const sorted = (numbers) => numbers.sort((a, b) => a - b);
