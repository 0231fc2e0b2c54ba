import { AppError } from '#kernel';
import type { Engine } from './engine.js';

/** The engines of this process by their ids; the first is the default one. */
export class EngineRegistry {
  readonly defaultId: string;
  readonly #engines: ReadonlyMap<string, Engine>;

  /** Throws `TypeError` for no engine, or two of one id. */
  constructor(engines: readonly Engine[]) {
    this.#engines = new Map(engines.map((engine) => [engine.describe().id, engine]));
    const [first] = this.#engines.keys();
    if (first === undefined || this.#engines.size !== engines.length) {
      throw new TypeError('engines need ids of their own, and there must be one at least');
    }
    this.defaultId = first;
  }

  /** The engine a caller names, or the default one. Throws `AppError` `validation_failed` where none has this id. */
  get(id: string = this.defaultId): Engine {
    const engine = this.#engines.get(id);
    if (engine) return engine;
    throw new AppError('validation_failed', {
      detail: 'engine_id names no engine',
      errors: [{ path: '/engine_id', message: 'names no engine' }],
    });
  }

  find(id: string): Engine | undefined {
    return this.#engines.get(id);
  }

  /** All engines, the default one first. */
  list(): readonly Engine[] {
    return [...this.#engines.values()];
  }
}
