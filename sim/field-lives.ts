// The lives of a field that comes and goes while a collection is written and read: which of them it is in, as far as that is certain.

export class FieldLives {
  /** Undefined: it is not there, or it is being changed. */
  #life: number | undefined;
  #isThere = false;
  #lives = 0;

  /** The life in which it is certainly there. */
  get life(): number | undefined {
    return this.#life;
  }

  get isThere(): boolean {
    return this.#isThere;
  }

  nextLife(): number {
    return ++this.#lives;
  }

  /** From now on it may be there or not. */
  changing(): void {
    this.#life = undefined;
  }

  added(life: number): void {
    this.#life = life;
    this.#isThere = true;
  }

  gone(): void {
    this.#life = undefined;
    this.#isThere = false;
  }
}
