// Work that is counted, not timed: how often blocks of our own code run, and how far searches in texts go. What costs the square of its size shows
// at two sizes, on any machine, however busy.
import { Session } from 'node:inspector/promises';

/** What runs on this thread while an action does: entries into functions, turns of loops, branches that are taken. */
export class WorkCounter {
  readonly #session = new Session();

  async open(): Promise<void> {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  async close(): Promise<void> {
    await this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  async count(action: () => Promise<void>): Promise<number> {
    await this.#session.post('Profiler.takePreciseCoverage'); // Forgets what was counted before.
    const text = watchTexts();
    try {
      await action();
    } finally {
      text.restore();
    }
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    const own = result.filter(({ url }) => url.includes('/src/') && !url.includes('node_modules'));
    const blocks = own.flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges));
    return blocks.reduce((sum, { count }) => sum + count, 0) + text.characters();
  }
}

/** Characters that are looked at by searches in texts, of which a coverage knows nothing. */
function watchTexts(): { characters(): number; restore(): void } {
  const { indexOf } = String.prototype;
  let characters = 0;
  String.prototype.indexOf = function (this: string, what: string, from = 0): number {
    const found = indexOf.call(this, what, from);
    characters += (found === -1 ? this.length : found) - from;
    return found;
  };
  return {
    characters: () => characters,
    restore: () => {
      String.prototype.indexOf = indexOf;
    },
  };
}
