import type { AuditAction, AuditLog } from '#audit';
import { pgCode, type Database, type Transaction } from '#database';
import {
  countKeys,
  deleteEngine,
  findEngine,
  insertEngine,
  updateEngine,
  type EngineCatalogue,
  type EngineLoader,
  type EngineRecord,
  type EngineRegistry,
  type EngineSecrets,
  type EngineType,
  type EngineView,
  type StoredSecret,
} from '#engines';
import { AppError, invalidMember, isTenantId, PLATFORM_CHAIN, type RequestContext } from '#kernel';
import { findReport, removeReport } from './engine-reconciliation.repository.js';
import type { EngineReconciliation } from './engine-reconciliation.js';
import { requireVersion } from './if-match.js';
import { textFault } from './key-rules.js';

/** What an operator says of an engine; secrets are values, `env:…` or `file:…`. */
export interface EngineInput {
  readonly id: string;
  readonly type: EngineType;
  readonly name: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly secrets?: Readonly<Record<string, string>>;
  /** The tenants that may use it; absent or null: all. */
  readonly tenants?: readonly string[] | null;
  readonly default?: boolean;
}

/** Absent members stay; `config` and `tenants` are replaced as a whole, secrets one by one, null takes one away. */
export interface EngineUpdate extends Partial<Omit<EngineInput, 'id' | 'type' | 'secrets'>> {
  readonly secrets?: Readonly<Record<string, string | null>>;
}

/** An engine as operators see it. */
export interface EngineDetailView extends EngineView {
  /** Whether the server's configuration declares it, and it cannot be changed here. */
  declared: boolean;
  config?: Readonly<Record<string, unknown>>;
  /** Names of the secrets that are set. */
  secrets?: string[];
  tenants: string[] | null;
  version: number;
  /** What came of comparing it with the rows the last time. */
  last_reconciliation?: EngineReconciliation;
  created_ts?: string;
  updated_ts?: string;
}

/** What came of trying an engine out. */
export interface EngineTestView {
  status: 'ok' | 'failed';
  latency_ms: number;
  supported_key_types?: EngineView['supported_key_types'];
  /** Why it failed. */
  error?: string;
}

const changedMeanwhile = (): AppError => new AppError('stale_version', { detail: 'Another changed it.' });
const unknownEngine = (): AppError => new AppError('not_found', { detail: 'There is no such engine.' });

/**
 * Engines as the platform's operators administer them. What is stored was tried before: an engine is reached, with one
 * attempt of its credentials, before it is registered or changed.
 */
export class EngineAdministrationService {
  constructor(
    private readonly database: Database,
    private readonly registry: EngineRegistry,
    private readonly catalogue: EngineCatalogue,
    private readonly loader: EngineLoader,
    private readonly secrets: EngineSecrets,
    private readonly audit: AuditLog,
  ) {}

  /** Throws `validation_failed`, `unsupported_by_engine`, `engine_exists`, and `unavailable` for a device out of reach. */
  async register(ctx: RequestContext, input: EngineInput): Promise<EngineDetailView> {
    const { id, type, name, config = {}, tenants = null, default: isDefault = false } = input;
    const record = {
      id,
      type,
      name,
      config,
      tenants,
      isDefault,
      secrets: this.#store(id, input.secrets ?? {}),
    };
    await this.#try(record);
    await this.database.system('engine register', async (tx) => {
      await requireTenants(tx, record);
      if (this.registry.isDeclared(id) || !(await insertEngine(tx, record)))
        throw new AppError('engine_exists');
      await this.#record(tx, ctx, 'kms.engine.register', record);
    });
    await this.loader.refresh();
    return this.get(id);
  }

  /** Throws `not_found`. */
  async get(id: string): Promise<EngineDetailView> {
    // It is known first: not every text can be asked for.
    const engine = this.registry.find(id);
    if (!engine) throw unknownEngine();
    const [record, report] = await this.database.system(
      'engine get',
      async (tx) => [await findEngine(tx, id), await findReport(tx, id)],
      { readOnly: true },
    );
    if (!record && !this.registry.isDeclared(id)) throw unknownEngine();
    const view = {
      ...(await this.catalogue.view(engine)),
      ...(report && { last_reconciliation: report }),
    };
    if (!record) return { ...view, declared: true, tenants: null, version: 1 };
    return {
      ...view,
      declared: false,
      config: record.config,
      secrets: Object.keys(record.secrets),
      tenants: record.tenants && [...record.tenants],
      version: record.version,
      created_ts: record.createdTs.toISOString(),
      updated_ts: record.updatedTs.toISOString(),
    };
  }

  /** Throws as `register`, `not_found`, `stale_version`, `engine_declared`, `engine_in_use`. */
  async update(
    ctx: RequestContext,
    id: string,
    change: EngineUpdate,
    ifMatch?: string,
  ): Promise<EngineDetailView> {
    const before = await this.#find(id);
    requireVersion(ifMatch, before.version);
    const record = {
      ...before,
      name: change.name ?? before.name,
      config: change.config ?? before.config,
      tenants: change.tenants === undefined ? before.tenants : change.tenants,
      isDefault: change.default ?? before.isDefault,
      secrets: this.#merge(id, before.secrets, change.secrets ?? {}),
    };
    if (change.config ?? change.secrets) await this.#try(record);
    await this.database.system('engine change', async (tx) => {
      const now = await findEngine(tx, id, { lock: true });
      if (!now) throw unknownEngine();
      if (now.version !== before.version) throw changedMeanwhile();
      await requireTenants(tx, record);
      await updateEngine(tx, id, record);
      if (record.tenants && (await countKeys(tx, id, record.tenants)) > 0) throw inUse('a tenant left out');
      await this.#record(tx, ctx, 'kms.engine.change', record);
    });
    await this.loader.refresh();
    return this.get(id);
  }

  /** Throws `not_found`, `stale_version`, `engine_declared`, and `engine_in_use` while a key or a wrapping key is in it. */
  async remove(ctx: RequestContext, id: string, ifMatch?: string): Promise<void> {
    const before = await this.#find(id);
    requireVersion(ifMatch, before.version);
    try {
      await this.database.system('engine remove', async (tx) => {
        // First: whoever is about to store a key holds the row until that key is counted.
        if ((await deleteEngine(tx, id, before.version)) === 0) throw changedMeanwhile();
        if ((await countKeys(tx, id)) > 0) throw inUse('a tenant');
        await removeReport(tx, id);
        await this.#record(tx, ctx, 'kms.engine.remove', before);
      });
    } catch (error) {
      if (pgCode(error) === '23503') throw inUse('a tenant');
      throw error;
    }
    await this.loader.refresh();
  }

  /** Reaches the engine anew with what is stored, once. Throws `not_found`. */
  async test(ctx: RequestContext, id: string): Promise<EngineTestView> {
    const declared = this.registry.isDeclared(id) ? this.registry.find(id) : undefined;
    const engine = declared ?? this.#open(await this.#find(id));
    const start = performance.now();
    let error: string | undefined;
    try {
      await engine.connect({ anew: true });
      const { status, reason } = await engine.health();
      if (status !== 'ok') error = reason ?? 'The engine is down.';
    } catch (cause) {
      if (!(cause instanceof AppError)) throw cause;
      error = cause.detail;
    } finally {
      if (!declared) await engine.close();
    }
    await this.audit.append(ctx, PLATFORM_CHAIN, {
      action: 'kms.engine.test',
      outcome: error === undefined ? 'success' : 'refused',
      detail: { engine_id: id },
    });
    const latency = Math.round(performance.now() - start);
    if (error !== undefined) return { status: 'failed', latency_ms: latency, error };
    const { supported_key_types: types } = await this.catalogue.view(engine);
    return { status: 'ok', latency_ms: latency, supported_key_types: types };
  }

  async #find(id: string): Promise<EngineRecord> {
    if (this.registry.isDeclared(id)) throw new AppError('engine_declared');
    const record = await this.database.system('engine get', (tx) => findEngine(tx, id), { readOnly: true });
    if (!record) throw unknownEngine();
    return record;
  }

  #store(id: string, given: Readonly<Record<string, string>>): Record<string, StoredSecret> {
    const entries = Object.entries(given).map(([name, text]) => [name, this.secrets.store(id, name, text)]);
    return Object.fromEntries(entries) as Record<string, StoredSecret>;
  }

  #merge(
    id: string,
    before: Readonly<Record<string, StoredSecret>>,
    change: Readonly<Record<string, string | null>>,
  ): Record<string, StoredSecret> {
    const kept = Object.entries(before).filter(([name]) => change[name] !== null);
    const set = Object.entries(change).filter((entry): entry is [string, string] => entry[1] !== null);
    return { ...Object.fromEntries(kept), ...this.#store(id, Object.fromEntries(set)) };
  }

  #open(
    record: Pick<EngineRecord, 'id' | 'type' | 'name' | 'config' | 'secrets'>,
  ): ReturnType<EngineLoader['open']> {
    return this.loader.open(record, this.secrets.resolve(record.id, record.secrets));
  }

  async #try(record: Pick<EngineRecord, 'id' | 'type' | 'name' | 'config' | 'secrets'>): Promise<void> {
    const fault = textFault(record.name) ?? textFault(JSON.stringify(record.config));
    if (fault) throw invalidMember('name or config', fault);
    const engine = this.#open(record);
    try {
      await engine.connect({ anew: true });
    } finally {
      await engine.close();
    }
  }

  #record(
    tx: Transaction,
    ctx: RequestContext,
    action: AuditAction,
    record: Pick<EngineRecord, 'id' | 'type' | 'config' | 'secrets' | 'tenants' | 'isDefault'>,
  ): Promise<void> {
    const { id, type, config, tenants, isDefault } = record;
    const detail = {
      engine_id: id,
      type,
      config,
      secrets: Object.keys(record.secrets),
      tenants,
      default: isDefault,
    };
    return this.audit.appendIn(tx, ctx, PLATFORM_CHAIN, { action, outcome: 'success', detail });
  }
}

/** Those it is bound to must be there; a default must be everybody's. */
async function requireTenants(
  tx: Transaction,
  { tenants, isDefault }: Pick<EngineRecord, 'tenants' | 'isDefault'>,
): Promise<void> {
  if (!tenants) return;
  if (isDefault) throw invalidMember('default', 'must be false for an engine that is bound to tenants');
  if (tenants.length === 0) throw invalidMember('tenants', 'must name a tenant, or be null for all of them');
  const known = await tx.query<{ id: string }>('SELECT id FROM tenant WHERE id = ANY($1::text[])', [
    tenants.filter(isTenantId),
  ]);
  const missing = tenants.findIndex((tenant) => !known.some(({ id }) => id === tenant));
  if (missing >= 0) throw invalidMember(`tenants.${missing}`, 'names no tenant');
}

const inUse = (whose: string): AppError =>
  new AppError('engine_in_use', {
    detail: `The engine holds keys of ${whose}, or one is being made in it, or is awaited by an import token of it.`,
  });
