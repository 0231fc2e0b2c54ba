import { AppError, systemClock, type Clock } from '#kernel';
import type { Engine } from './engine.js';
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

/** The registered engines with what they can do and how they are. */
export class EngineCatalogue {
  constructor(
    private readonly registry: EngineRegistry,
    private readonly clock: Clock = systemClock,
  ) {}

  list(): Promise<EngineView[]> {
    return Promise.all(this.registry.list().map((engine) => this.#view(engine)));
  }

  async #view(engine: Engine): Promise<EngineView> {
    const { id, type, securityLevel, provider, name, metadata, keySpecs, capabilities } = engine.describe();
    const health = await engine.health().catch((error: unknown) => {
      if (error instanceof AppError) return { status: 'down', latencyMs: 0 } as const;
      throw error;
    });
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
        checked_ts: new Date(this.clock.now()).toISOString(),
        latency_ms: health.latencyMs,
      },
      capabilities: [...capabilities],
    };
  }
}
