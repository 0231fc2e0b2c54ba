import { LRUCache } from 'lru-cache';
import { systemClock, type Clock } from '#kernel';
import type { Engine, EngineHealth } from './engine.js';
import type { EngineRegistry } from './engine-registry.js';

/** An engine as the API shows it. */
export interface EngineView {
  id: string;
  type: string;
  security_level: number;
  provider: string;
  name: string;
  metadata: Readonly<Record<string, unknown>>;
  supported_key_types: { type: string; sizes: number[] }[];
  default: boolean;
  state: 'ready' | 'failed';
  health: { status: 'ok' | 'down'; checked_ts: string; latency_ms: number };
  capabilities: string[];
}

interface Checked extends EngineHealth {
  readonly checkedMs: number;
}

/** Many who look cause one probe. */
const PROBE_EVERY_MS = 2_000;
const CAPACITY = 1_000;

/** The registered engines with what they can do and how they are. */
export class EngineCatalogue {
  readonly #checks = new LRUCache<Engine, Promise<Checked>>({ max: CAPACITY, ttl: PROBE_EVERY_MS });

  constructor(
    private readonly registry: EngineRegistry,
    private readonly clock: Clock = systemClock,
  ) {}

  /** Those that a tenant may use; without a tenant, all. */
  list(tenantId?: string): Promise<EngineView[]> {
    return Promise.all(this.registry.list(tenantId).map((engine) => this.view(engine)));
  }

  async view(engine: Engine): Promise<EngineView> {
    const health = await this.#check(engine);
    const { id, type, securityLevel, provider, name, metadata, keySpecs, capabilities } = engine.describe();
    const algorithms = [...new Set(keySpecs.map((spec) => spec.algorithm))];
    return {
      id,
      type,
      security_level: securityLevel,
      provider,
      name,
      metadata,
      supported_key_types: algorithms.map((algorithm) => ({
        type: algorithm,
        sizes: keySpecs.filter((spec) => spec.algorithm === algorithm).map((spec) => spec.size),
      })),
      default: id === this.registry.defaultId,
      state: health.status === 'ok' ? 'ready' : 'failed',
      health: {
        status: health.status,
        checked_ts: new Date(health.checkedMs).toISOString(),
        latency_ms: health.latencyMs,
      },
      capabilities: [...capabilities],
    };
  }

  #check(engine: Engine): Promise<Checked> {
    const known = this.#checks.get(engine);
    if (known) return known;
    const checking = engine.health().then((health) => ({ ...health, checkedMs: this.clock.now() }));
    this.#checks.set(engine, checking);
    checking.catch(() => this.#checks.delete(engine));
    return checking;
  }
}
