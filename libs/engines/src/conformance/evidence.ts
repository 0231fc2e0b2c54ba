import type { KeySpec, SignatureRow } from '#crypto';

/** What an engine can do with a kind of key and an algorithm, as docs/engines.md has it. */
export type ShownAbility =
  | 'generate'
  | 'import'
  | 'raw'
  | 'digest'
  /** RSASSA-PSS with every salt that fits, or only with the one that is as long as the digest. */
  | 'any salt'
  | 'one salt';

declare module 'vitest' {
  interface TaskMeta {
    /** What holds if the test passes. scripts/engine-table.mjs writes the table of docs/engines.md from nothing else. */
    shows?: {
      readonly key: string;
      readonly algorithms: readonly string[];
      readonly abilities: readonly ShownAbility[];
    };
  }
}

/** Of a test: that it passes only if such a key can do all of that by every one of these algorithms. */
export const shows = (
  { algorithm, size }: KeySpec,
  rows: readonly SignatureRow[],
  ...abilities: readonly ShownAbility[]
) => ({
  meta: { shows: { key: `${algorithm} ${size}`, algorithms: rows.map(({ name }) => name), abilities } },
});
