import type { Answer } from '#kernel';

/** How long an answer may take to leave once it is written; then its caller is cut off. */
const ANSWER_LIMIT_MS = 1_000;

/** Resolves once the event loop has gone through what it has read. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/**
 * Which tenants this process holds against revocation. A tenant is held from the commit of its records until
 * their answers have left, and gets no further batch in between: a revocation would else wait for ever.
 */
export class TenantHolds {
  /** By tenant, the hold that is in force: one that outlived its session must not end its successor. */
  readonly #held = new Map<string, ReadonlySet<Answer>>();
  #released: string[] = [];

  constructor(private readonly onReleased: () => void) {}

  has(tenantId: string): boolean {
    return this.#held.has(tenantId);
  }

  /** Holds a tenant until all of `answers` have left. */
  hold(tenantId: string, answers: ReadonlySet<Answer>): void {
    this.#held.set(tenantId, answers);
    void allLeave(answers).then(() => {
      if (this.#held.get(tenantId) !== answers) return;
      this.#held.delete(tenantId);
      this.#released.push(tenantId);
      this.onReleased();
    });
  }

  get hasReleased(): boolean {
    return this.#released.length > 0;
  }

  /** The tenants whose locks can be given up now. */
  takeReleased(): string[] {
    const released = this.#released;
    this.#released = [];
    return released;
  }

  /** Forgets everything: the session that held the locks is gone. */
  clear(): void {
    this.#held.clear();
    this.#released = [];
  }
}

/** Resolves when the answers have left, cutting callers off whose answers do not leave in time. */
async function allLeave(answers: ReadonlySet<Answer>): Promise<void> {
  if (answers.size === 0) return nextTurn();
  const limit = setTimeout(() => {
    for (const answer of answers) answer.abandon();
  }, ANSWER_LIMIT_MS);
  for (const answer of answers) await answer.left;
  clearTimeout(limit);
}
