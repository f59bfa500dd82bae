/** Words of a digest that are compared, and one for the count. */
const slotWords = 4;
const slotsFirst = 1024;
/** Two gigabytes of slots. */
const slotsMax = 2 ** 27;
/** A fuller table would search long. */
const fullness = 0.75;

/**
 * How often each content was seen. A slot of 16 bytes holds 96 bits of a digest and its count, so that a content
 * costs 22 to 43 bytes; half as much again while the table grows.
 */
export class Repetitions {
  #slots = new Uint32Array(slotsFirst * slotWords);
  #distinct = 0;

  /** Which repetition of this content this one is, from 1; null where the table is full and it is a new one. */
  next(digest: Buffer): number | null {
    const words = [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8)] as const;
    let at = this.#find(...words);
    if (this.#slots[at + 3] === 0) {
      if (this.#distinct >= fullness * (this.#slots.length / slotWords)) {
        if (this.#slots.length >= slotsMax * slotWords) return null;
        this.#grow();
        at = this.#find(...words);
      }
      this.#slots.set(words, at);
      this.#distinct++;
    }
    const count = (this.#slots[at + 3] ?? 0) + 1;
    this.#slots[at + 3] = count;
    return count;
  }

  /** The slot of these words, or the free one in which they belong. */
  // Same type: the words of one digest in its order, because an array for each row would cost more.
  #find(first: number, second: number, third: number): number {
    const slots = this.#slots;
    for (let at = (first * slotWords) % slots.length; ; at = (at + slotWords) % slots.length) {
      if (slots[at + 3] === 0) return at;
      if (slots[at] === first && slots[at + 1] === second && slots[at + 2] === third) return at;
    }
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(before.length * 2);
    for (let at = 0; at < before.length; at += slotWords) {
      const slot = before.subarray(at, at + slotWords);
      const [first = 0, second = 0, third = 0, count] = slot;
      if (count !== 0) this.#slots.set(slot, this.#find(first, second, third));
    }
  }
}

/** Different contents that a table takes. */
export const distinctMax = slotsMax * fullness;
