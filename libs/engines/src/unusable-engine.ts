import { AppError } from '#kernel';
import type { Engine, EngineDescription, EngineHealth, EngineType } from './engine.js';

/** Stands for a registered engine that this process cannot open, and says why to operators. */
export class UnusableEngine implements Engine {
  constructor(
    private readonly identity: { readonly id: string; readonly name: string; readonly type: EngineType },
    private readonly reason: AppError,
  ) {}

  async connect(): Promise<void> {
    throw this.reason;
  }

  describe(): EngineDescription {
    return {
      ...this.identity,
      securityLevel: 0,
      provider: '',
      metadata: {},
      keySpecs: [],
      importSpecs: [],
      capabilities: [],
    };
  }

  offers(): boolean {
    return false;
  }

  generate(): Promise<never> {
    return this.#refuse();
  }

  sign(): Promise<never> {
    return this.#refuse();
  }

  destroy(): Promise<never> {
    return this.#refuse();
  }

  evict(): void {
    // It holds nothing.
  }

  async health(): Promise<EngineHealth> {
    return { status: 'down', latencyMs: 0, reason: this.reason.detail };
  }

  async close(): Promise<void> {
    // It holds nothing.
  }

  async #refuse(): Promise<never> {
    throw new AppError('unavailable', {
      detail: 'The engine cannot be used by this process as it is configured.',
      cause: this.reason,
      retryAfterS: 60,
    });
  }
}
