import { isDeepStrictEqual } from 'node:util';
import type { Database } from '#database';
import { AppError, invalidMember, type SecretBytes } from '#kernel';
import type { EngineDriver, EngineInput } from './engine-driver.js';
import type { EngineRecord } from './engine-record.js';
import { listEngines, listEngineVersions } from './engine.repository.js';
import type { EngineRegistry, RegisteredEngine } from './engine-registry.js';
import type { EngineSecrets } from './engine-secrets.js';
import type { Engine, EngineType } from './engine.js';
import { UnusableEngine } from './unusable-engine.js';

/** A change is in force everywhere within a second: this, and what opening takes. */
const POLL_MS = 500;
/** What is under way in an engine that was replaced may take so long; then it is cut off. */
const DRAIN_MS = 30_000;

interface Loaded extends RegisteredEngine {
  readonly record: EngineRecord;
}

/** Whether an engine that was opened for one is as good for the other. */
const opensAlike = (a: EngineRecord, b: EngineRecord): boolean =>
  a.name === b.name &&
  a.createdTs.getTime() === b.createdTs.getTime() &&
  isDeepStrictEqual([a.config, a.secrets], [b.config, b.secrets]);

/** Keeps a process's registry equal to what operators registered, whichever process they told. */
export class EngineLoader {
  readonly #drivers: ReadonlyMap<EngineType, EngineDriver>;
  readonly #draining = new Map<NodeJS.Timeout, Engine>();
  #loaded = new Map<string, Loaded>();
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;
  #isFailing = false;

  constructor(
    private readonly database: Database,
    private readonly registry: EngineRegistry,
    private readonly secrets: EngineSecrets,
    drivers: readonly EngineDriver[],
    private readonly onError: (error: unknown) => void,
  ) {
    this.#drivers = new Map(drivers.map((driver) => [driver.type, driver]));
  }

  /** Loads what is registered and looks for changes from then on. */
  async start(): Promise<void> {
    await this.refresh();
    this.#timer = setInterval(() => void this.#poll(), POLL_MS).unref();
  }

  /** Resolves when the registry is as the database is now. */
  async refresh(): Promise<void> {
    // One that is under way may have read before the change that the caller has in mind.
    await this.#refreshing?.catch(() => undefined);
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
    await this.#refreshing;
  }

  /** Checks a configuration and makes its engine. Throws as `EngineDriver.open`, and for an unknown type or secret. */
  open(
    input: Omit<EngineInput, 'secrets'> & { readonly type: EngineType },
    secrets: Map<string, SecretBytes>,
  ): Engine {
    try {
      const driver = this.#drivers.get(input.type);
      if (!driver) throw invalidMember('type', `must be one of ${[...this.#drivers.keys()].join(', ')}`);
      for (const name of secrets.keys()) {
        if (!driver.secretNames.includes(name))
          throw invalidMember(`secrets.${name}`, `is not a secret of ${input.type}`);
      }
      return driver.open({ ...input, secrets });
    } finally {
      for (const secret of secrets.values()) secret.wipe();
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#refreshing?.catch(() => undefined);
    for (const timer of this.#draining.keys()) clearTimeout(timer);
    const engines = [...this.#draining.values(), ...[...this.#loaded.values()].map(({ engine }) => engine)];
    await Promise.all(engines.map((engine) => engine.close()));
  }

  /** A database that is away is told once, not twice a second. */
  async #poll(): Promise<void> {
    try {
      await this.refresh();
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.onError(error);
      this.#isFailing = true;
    }
  }

  async #refresh(): Promise<void> {
    const versions = await this.database.system('engine versions', listEngineVersions, { readOnly: true });
    const same =
      versions.length === this.#loaded.size &&
      versions.every(({ id, version }) => this.#loaded.get(id)?.record.version === version);
    if (same) return;
    const records = await this.database.system('engine list', listEngines, { readOnly: true });
    const before = this.#loaded;
    this.#loaded = new Map(records.map((record) => [record.id, this.#load(record, before.get(record.id))]));
    this.registry.replaceRegistered([...this.#loaded.values()]);
    for (const [id, { engine }] of before) if (this.#loaded.get(id)?.engine !== engine) this.#drain(engine);
  }

  #load(record: EngineRecord, before: Loaded | undefined): Loaded {
    if (before?.record.version === record.version) return before;
    const tenants = record.tenants ? { tenants: new Set(record.tenants) } : {};
    const rest = { ...tenants, isDefault: record.isDefault, record };
    if (before && opensAlike(before.record, record)) return { ...rest, engine: before.engine };
    const engine = this.#openRecord(record);
    // It goes on trying by itself; how it is doing shows in its health.
    engine.connect().catch((error: unknown) => this.onError(error));
    return { ...rest, engine };
  }

  #openRecord(record: EngineRecord): Engine {
    try {
      return this.open(record, this.secrets.resolve(record.id, record.secrets));
    } catch (error) {
      this.onError(error);
      return new UnusableEngine(record, error instanceof AppError ? error : new AppError('internal'));
    }
  }

  #drain(engine: Engine): void {
    const timer = setTimeout(() => {
      this.#draining.delete(timer);
      engine.close().catch(this.onError);
    }, DRAIN_MS).unref();
    this.#draining.set(timer, engine);
  }
}
