import {
  deriveKey,
  hmacSha256,
  hmacSha256Hex,
  kekVersionOf,
  openUnder,
  sealUnder,
  type RootWrapper,
  type SealBinding,
  type Sealer,
} from '#crypto';
import type { Database } from '#database';
import { AppError, EXACT_TTL, type SecretBytes } from '#kernel';
import { LRUCache } from 'lru-cache';
import { kekBinding } from './kek-binding.js';
import { TenantKekEntity } from './tenant-kek.entity.js';

/** What is derived from a tenant's key-encryption key (HKDF, RFC 5869). */
export interface DerivedKeys {
  /** Seals bookmarks. */
  readonly bookmark: SecretBytes;
  /** HMAC-SHA-256 in hex: how messages and signatures appear in the audit log. */
  readonly auditMac: (data: Buffer) => string;
  /** HMAC-SHA-256: how idempotency keys and the requests that bear them are stored. */
  readonly idempotencyMac: (text: string) => Buffer;
}

interface Keks {
  readonly current: number;
  readonly byVersion: ReadonlyMap<number, SecretBytes>;
  readonly derived: DerivedKeys;
}

const CAPACITY = 1_000;
const LIFE_MS = 10 * 60_000;

/** Tenants' key-encryption keys, unwrapped on demand and held in a bounded cache. */
export class TenantKeys implements Sealer {
  readonly #cache = new LRUCache<string, Promise<Keks>>({ max: CAPACITY, ttl: LIFE_MS, ...EXACT_TTL });

  constructor(
    private readonly database: Database,
    private readonly root: RootWrapper,
  ) {}

  /** Keys derived from the first version, so that they stay the same when the tenant's key is renewed. */
  async of(tenantId: string): Promise<DerivedKeys> {
    return (await this.#keks(tenantId)).derived;
  }

  async seal(binding: SealBinding, plaintext: SecretBytes): Promise<Buffer> {
    const { current, byVersion } = await this.#keks(binding.tenantId);
    return sealUnder(byVersion.get(current)!, current, binding, plaintext);
  }

  async unseal(binding: SealBinding, sealed: Buffer): Promise<SecretBytes> {
    const kek = (await this.#keks(binding.tenantId)).byVersion.get(kekVersionOf(sealed));
    if (!kek)
      throw new AppError('internal', { cause: new Error('sealed under a tenant key that does not exist') });
    return openUnder(kek, binding, sealed);
  }

  #keks(tenantId: string): Promise<Keks> {
    const cached = this.#cache.get(tenantId);
    if (cached) return cached;
    const loading = this.#load(tenantId);
    this.#cache.set(tenantId, loading);
    loading.catch(() => this.#cache.delete(tenantId));
    return loading;
  }

  async #load(tenantId: string): Promise<Keks> {
    const rows = await this.database.transaction({ tenantId }, (tx) =>
      tx.manager.find(TenantKekEntity, { where: { tenantId }, order: { version: 'ASC' } }),
    );
    const [first] = rows;
    if (!first) throw new AppError('tenant_unavailable', { detail: 'The tenant does not exist.' });
    const byVersion = new Map(
      rows.map((row) => [
        row.version,
        this.root.unwrap(row.rootId, kekBinding(tenantId, row.version), row.wrapped),
      ]),
    );
    const base = byVersion.get(first.version)!;
    const mac = deriveKey(base, 'claviger audit mac v1');
    const idempotency = deriveKey(base, 'claviger idempotency mac v1');
    return {
      current: rows.at(-1)!.version,
      byVersion,
      derived: {
        bookmark: deriveKey(base, 'claviger bookmark v1'),
        auditMac: (data) => hmacSha256Hex(mac, data),
        idempotencyMac: (text) => hmacSha256(idempotency, text),
      },
    };
  }
}
