/**
 * Tells how long work stood in line, of which those who do it say nothing: what it took beyond the least that work of its
 * kind has taken at its place.
 */
export class Backlog<Place extends object, Kind> {
  readonly #leastMs = new WeakMap<Place, Map<Kind, number>>();

  /** Of `tookMs`, what others took before it; nothing for the first of its kind. */
  inLineMs(place: Place, kind: Kind, tookMs: number): number {
    let least: Map<Kind, number> | undefined = this.#leastMs.get(place);
    if (!least) {
      least = new Map();
      this.#leastMs.set(place, least);
    }
    const leastMs = Math.min(tookMs, least.get(kind) ?? Infinity);
    least.set(kind, leastMs);
    return tookMs - leastMs;
  }
}
