import { AppError } from '#kernel';
import type { Engine } from './engine.js';

/** An engine and who may use it. */
export interface RegisteredEngine {
  readonly engine: Engine;
  /** Absent: every tenant. */
  readonly tenants?: ReadonlySet<string>;
  readonly isDefault?: boolean;
}

/** What is answered where a caller names an engine that is not, or that is others'. */
export const noSuchEngine = (): AppError =>
  new AppError('validation_failed', {
    detail: 'engine_id names no engine',
    errors: [{ path: '/engine_id', message: 'names no engine' }],
  });

const idOf = ({ engine }: RegisteredEngine): string => engine.describe().id;

/**
 * The engines of this process by their ids: those that the configuration declares, which stay, and those that
 * operators register, which come and go. A tenant knows of its own and of shared ones.
 */
export class EngineRegistry {
  readonly #declared: readonly RegisteredEngine[];
  #engines: ReadonlyMap<string, RegisteredEngine>;

  /** The first is the default until another says that it is. Throws `TypeError` for no engine, or two of one id. */
  constructor(declared: readonly RegisteredEngine[]) {
    this.#declared = declared;
    this.#engines = new Map(declared.map((one) => [idOf(one), one]));
    if (declared.length === 0 || this.#engines.size !== declared.length) {
      throw new TypeError('engines need ids of their own, and there must be one at least');
    }
  }

  /** Puts these in the place of those registered before. One with the id of a declared engine is passed over. */
  replaceRegistered(registered: readonly RegisteredEngine[]): void {
    const all = [...registered, ...this.#declared].map((one) => [idOf(one), one] as const);
    const engines = new Map(all);
    // Declared ones first, in the order in which they were declared.
    this.#engines = new Map([...this.#declared.map((one) => [idOf(one), one] as const), ...engines]);
  }

  isDeclared(id: string): boolean {
    return this.#declared.some((one) => idOf(one) === id);
  }

  /** The engine that is used where a caller names none. */
  get defaultId(): string {
    const engines = [...this.#engines.values()];
    return idOf(engines.findLast(({ isDefault }) => isDefault) ?? engines[0]!);
  }

  /**
   * The engine that a tenant names, or the default one. Throws `AppError` `validation_failed` where none has this id, or
   * the tenant may not use it: one answer for both.
   */
  get(tenantId: string, id: string = this.defaultId): Engine {
    const found = this.#engines.get(id);
    if (found && (found.tenants?.has(tenantId) ?? true)) return found.engine;
    throw noSuchEngine();
  }

  /** Whoever may use it: for keys that it holds already. */
  find(id: string): Engine | undefined {
    return this.#engines.get(id)?.engine;
  }

  /** The engines that a tenant may use, the default one first; without a tenant, all. */
  list(tenantId?: string): readonly Engine[] {
    const { defaultId } = this;
    return [...this.#engines.values()]
      .filter(({ tenants }) => tenantId === undefined || (tenants?.has(tenantId) ?? true))
      .map(({ engine }) => engine)
      .sort((a, b) => Number(b.describe().id === defaultId) - Number(a.describe().id === defaultId));
  }
}
