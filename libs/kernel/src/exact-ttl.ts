/**
 * For an `LRUCache` on a hot path: it looks at the clock when it is asked. Left alone, it keeps the time for a millisecond
 * and sets a timer to forget it, which awakes an idle event loop for nothing.
 */
export const EXACT_TTL = Object.freeze({ ttlResolution: 0 });
