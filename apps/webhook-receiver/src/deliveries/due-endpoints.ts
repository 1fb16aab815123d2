/** Endpoints that may have something due, in the order in which it is their turn. */
export class DueEndpoints {
  /** With a number that grows with each word of it. */
  private readonly words = new Map<string, number>();
  private word = 0;

  get size(): number {
    return this.words.size;
  }

  has(subscriptionId: string): boolean {
    return this.words.has(subscriptionId);
  }

  /** Those whose turn is next come first. */
  ids(): Iterable<string> {
    return this.words.keys();
  }

  add(subscriptionId: string): void {
    this.words.set(subscriptionId, ++this.word);
  }

  /** What `tookTurn` is told, noted before the look. */
  wordOf(subscriptionId: string): number | undefined {
    return this.words.get(subscriptionId);
  }

  /** Others come before it now; it is gone where nothing was left, unless there was word of something since it was looked. */
  tookTurn(subscriptionId: string, wordBefore: number | undefined, isLeft: boolean): void {
    const word = this.words.get(subscriptionId);
    this.words.delete(subscriptionId);
    if (word !== undefined && (isLeft || word !== wordBefore)) this.words.set(subscriptionId, word);
  }

  clear(): void {
    this.words.clear();
  }
}
