/** Pseudo-random choices that a seed repeats (mulberry32). */
export class Chance {
  constructor(private state: number) {}

  /** In [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  below(most: number): number {
    return Math.floor(this.next() * most);
  }

  /** `length` items: each of `all` as often as any other, or once more, in no order. */
  deal<T>(all: readonly T[], length: number): T[] {
    const dealt: T[] = [];
    while (dealt.length < length) {
      const deck = [...all];
      while (deck.length > 0) dealt.push(...deck.splice(this.below(deck.length), 1));
    }
    return dealt.slice(0, length);
  }
}
