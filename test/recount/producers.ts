/** Each producer numbers its envelopes from 0, over all partitions; holes and repeats are reported, not judged. */
export interface ProducerReport {
  readonly producers: number;
  /**
   * Sequences below a producer's highest that no record carries: refused or timed-out produces. Where retention has
   * removed records, from the producer's lowest on.
   */
  readonly holes: number;
  /** Records whose sequence another record carries: a produce that was retried after it had succeeded. */
  readonly repeats: number;
}

export class Producers {
  readonly #sequences = new Map<string, number[]>();

  add(producer: string, sequence: number): void {
    const known = this.#sequences.get(producer);
    if (known === undefined) this.#sequences.set(producer, [sequence]);
    else known.push(sequence);
  }

  report({ logIsWhole }: { readonly logIsWhole: boolean }): ProducerReport {
    let holes = 0;
    let repeats = 0;
    for (const sequences of this.#sequences.values()) {
      const distinct = new Set(sequences);
      const highest = sequences.reduce((a, b) => Math.max(a, b), -1);
      const lowest = logIsWhole ? 0 : sequences.reduce((a, b) => Math.min(a, b), highest);
      holes += highest + 1 - lowest - distinct.size;
      repeats += sequences.length - distinct.size;
    }
    return { producers: this.#sequences.size, holes, repeats };
  }
}
