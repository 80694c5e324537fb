// The words of one field of a segment in runs that follow one another, from its first row on. Rows that came since are added when a filter
// asks for them: few of them where the filter runs, many by worker threads. Short runs are merged with the one before, so that there are few.
//
// Who may run at an `await`: filters that read what is here (runs do not change, and lists of them are replaced as wholes), others that ask for
// more rows (one at a time makes them, the others wait and look again), and whoever takes the memory back (`drop`; what is made meanwhile is
// thrown away). Nothing is stored, so nothing can be half there after a crash.
import { ElanusError } from '#base/errors.js';
import type { VariableView } from '#expr/evaluate/column-view.js';
import type { Pace } from '#platform/pace.js';
import type { Workers } from '#platform/workers.js';
import { mergedRuns } from '#text/match/run-reader.js';
import { textRows, wordsOfRows } from '#text/match/text-rows.js';
import { runBytes, type WordRun } from '#text/match/word-run.js';

/** Text that becomes words where the filter runs; more goes to threads. */
const HERE_BYTES = 128 * 1024;
/** Text and rows of a run that a thread makes: a tenth of a second, more or less. */
const RUN_TEXT_BYTES = 2 << 20;
const RUN_ROWS = 1 << 17;
/** Runs are merged up to this length, in one go where the filter runs: those of threads are not. */
const MERGED_BYTES = 1 << 20;
/** What runs may take beside the text: words that come once take some thirty bytes, and filters that add words make more of them. */
const BYTES_PER_TEXT_BYTE = 5;
const BYTES_MORE = 1 << 20;
/** How often in vain rows became words; each doubles what has to be asked before they do again. */
const REFUSALS_MAX = 10;

/** Where its memory is counted. */
export interface WordsMemory {
  hasRoom(bytes: number): boolean;
  /** Called when it takes so many bytes more, or fewer, than before. */
  changed(bytes: number): void;
}

interface Made {
  /** One behind the other, from the first row that was missing. */
  readonly runs: readonly WordRun[];
  readonly failure: unknown;
}

const isOfCaller = (failure: unknown): boolean =>
  failure instanceof ElanusError && (failure.key === 'cancelled' || failure.key === 'deadline_exceeded');

interface AskedTexts {
  readonly view: VariableView;
  readonly rowCount: number;
}

export class FieldWords {
  readonly #params: string;
  readonly #workers: Workers;
  readonly #memory: WordsMemory;
  runs: readonly WordRun[] = [];
  bytes = 0;
  /** Rows that were analyzed by filters, or would have been, since words were made last. */
  #asked = 0;
  #refusals = 0;
  #making: Promise<void> | undefined;
  #generation = 0;

  constructor(params: string, workers: Workers, memory: WordsMemory) {
    this.#params = params;
    this.#workers = workers;
    this.#memory = memory;
  }

  /** Rows from the first one on whose words are here. */
  get rowCount(): number {
    return this.runs.at(-1)?.end ?? 0;
  }

  /** Whether making words of the missing rows costs no more than the filters that have asked for them, this one among them. */
  isWorthwhile(analyzed: number, rowCount: number): boolean {
    this.#asked += analyzed;
    return this.#asked >= (rowCount - this.rowCount) * 2 ** Math.min(this.#refusals, REFUSALS_MAX);
  }

  /** Has the words of all rows, or gives up where there is no room for them. @throws cancelled, deadline_exceeded */
  async extend(texts: AskedTexts, pace: Pace): Promise<void> {
    const refusals = this.#refusals;
    while (this.rowCount < texts.rowCount && this.#refusals === refusals) {
      if (this.#making !== undefined) {
        await this.#making.catch(() => {}); // Its own caller hears of it.
        pace.check();
        continue;
      }
      this.#making = this.#make(texts, pace).finally(() => {
        this.#making = undefined;
      });
      await this.#making;
    }
  }

  drop(): void {
    this.#generation++;
    this.#refusals++;
    this.#asked = 0;
    this.runs = [];
    this.#setBytes(0);
  }

  async #make({ view, rowCount }: AskedTexts, pace: Pace): Promise<void> {
    const generation = this.#generation;
    const begin = this.rowCount;
    const more = (view.offsets[rowCount] as number) - (view.offsets[begin] as number);
    const made =
      more <= HERE_BYTES
        ? await this.#makeHere({ view, rowCount }, begin, pace)
        : await this.#makeOnThreads({ view, rowCount }, begin, pace);
    if (generation !== this.#generation) return;
    const { failure } = made;
    if (failure !== undefined && !isOfCaller(failure)) {
      // An analyzer that refuses a text: the filter asks the rows one by one, and says so if it comes to this one.
      this.drop();
      return;
    }
    for (const run of made.runs) if (generation === this.#generation) this.#add(run, view);
    if (failure !== undefined) throw failure;
    this.#asked = 0;
  }

  async #makeHere({ view, rowCount }: AskedTexts, begin: number, pace: Pace): Promise<Made> {
    try {
      const words = wordsOfRows(textRows(this.#params, view, begin, rowCount));
      for (let next = words.next(); ; next = words.next()) {
        if (next.done === true) return { runs: [next.value], failure: undefined };
        if (pace.isDue) await pace.rest();
      }
    } catch (failure) {
      return { runs: [], failure };
    }
  }

  /** One thread is left for searches where there are several. What was made when the caller goes is kept, up to the first gap. */
  async #makeOnThreads({ view, rowCount }: AskedTexts, begin: number, pace: Pace): Promise<Made> {
    const made: (WordRun | undefined)[] = [];
    let [next, place] = [begin, 0];
    let failure: unknown;
    const lane = async (): Promise<void> => {
      while (next < rowCount && failure === undefined) {
        pace.check();
        const rows = textRows(this.#params, view, next, endOfRun(view, next, rowCount));
        const at = place++;
        next = rows.end;
        made[at] = await this.#workers.run<WordRun>('runOfWords', rows, []);
      }
    };
    const lanes = Array.from({ length: Math.max(1, this.#workers.parallelism - 1) }, () =>
      lane().catch((error: unknown) => {
        failure ??= error;
      }),
    );
    await Promise.all(lanes);
    const runs: WordRun[] = [];
    for (const run of made) {
      if (run === undefined) break;
      runs.push(run);
    }
    return { runs, failure };
  }

  #add(run: WordRun, { offsets }: VariableView): void {
    let [runs, last] = [this.runs, run];
    let bytes = runBytes(run);
    for (let before = runs.at(-1); before !== undefined; before = runs.at(-1)) {
      const other = runBytes(before);
      if (other > 2 * runBytes(last) || other + runBytes(last) > MERGED_BYTES) break;
      last = mergedRuns(before, last);
      runs = runs.slice(0, -1);
      bytes = runBytes(last) + runs.reduce((sum, one) => sum + runBytes(one), 0) - this.bytes;
    }
    const most = BYTES_MORE + BYTES_PER_TEXT_BYTE * (offsets[last.end] as number);
    if (this.bytes + bytes > most || !this.#memory.hasRoom(bytes)) {
      this.drop();
      return;
    }
    this.runs = [...runs, last];
    this.#setBytes(this.bytes + bytes);
  }

  #setBytes(bytes: number): void {
    const more = bytes - this.bytes;
    this.bytes = bytes;
    this.#memory.changed(more);
  }
}

function endOfRun({ offsets }: VariableView, begin: number, rowCount: number): number {
  const first = offsets[begin] as number;
  let end = begin + 1;
  const last = Math.min(rowCount, begin + RUN_ROWS);
  while (end < last && (offsets[end + 1] as number) - first <= RUN_TEXT_BYTES) end++;
  return end;
}
