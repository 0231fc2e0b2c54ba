import {
  deriveKey,
  hmacSha256,
  newSecretKey,
  openUnder,
  platformKeyBinding,
  sealUnder,
  type RootWrapper,
  type SealBinding,
} from '#crypto';
import type { SecretReferences } from '#config';
import type { Database } from '#database';
import { PLATFORM_CHAIN, SecretBytes } from '#kernel';
import type { StoredSecret } from './engine-record.js';

const NAME = 'engine-secrets';

const bindingOf = (engineId: string, name: string): SealBinding => ({
  tenantId: PLATFORM_CHAIN,
  purpose: 'engine-secret',
  objectId: `${engineId}/${name}`,
  version: 1,
});

/** Secrets of engines: sealed under a key of the platform's own, which the root wraps, or kept where a reference says. */
export class EngineSecrets {
  readonly #digestKey: SecretBytes;

  private constructor(
    private readonly key: SecretBytes,
    private readonly references: SecretReferences,
  ) {
    this.#digestKey = deriveKey(key, 'claviger engine secrets digest');
  }

  /** The platform's key is made at the first opening. */
  static open(database: Database, root: RootWrapper, references: SecretReferences): Promise<EngineSecrets> {
    const binding = platformKeyBinding(NAME);
    return database.system('engine secrets key', async (tx) => {
      const read = (): Promise<{ root_id: string; wrapped: Buffer }[]> =>
        tx.query('SELECT root_id, wrapped FROM platform_key WHERE name = $1', [NAME]);
      if ((await read()).length === 0) {
        const { rootId, wrapped } = root.wrap(binding, newSecretKey());
        await tx.query(
          `INSERT INTO platform_key (name, root_id, wrapped, public_key) VALUES ($1, $2, $3, '')
           ON CONFLICT (name) DO NOTHING`,
          [NAME, rootId, wrapped],
        );
      }
      const [row] = await read();
      return new EngineSecrets(root.unwrap(row!.root_id, binding, row!.wrapped), references);
    });
  }

  /**
   * A secret as it is to be stored, given as a value or as `env:NAME` or `file:/path`. Throws `validation_failed` for a
   * reference that cannot be read.
   */
  store(engineId: string, name: string, given: string): StoredSecret {
    if (this.references.isReference(given)) {
      this.references.read(given, name).wipe();
      return { reference: given };
    }
    const value = SecretBytes.take(Buffer.from(given));
    try {
      return { sealed: sealUnder(this.key, 1, bindingOf(engineId, name), value).toString('base64') };
    } finally {
      value.wipe();
    }
  }

  /** What tells whether a secret of `whose` changed, the same in all processes; nobody without the root can guess it. */
  digest(whose: string, secret: SecretBytes): Buffer {
    const named = Buffer.concat([Buffer.from(`${whose}\0`), secret.expose('digest a secret')]);
    try {
      return hmacSha256(this.#digestKey, named);
    } finally {
      named.fill(0);
    }
  }

  /** Throws `validation_failed` where a reference cannot be read, `internal` where sealed bytes do not open. */
  resolve(engineId: string, stored: Readonly<Record<string, StoredSecret>>): Map<string, SecretBytes> {
    return new Map(
      Object.entries(stored).map(([name, secret]) => [
        name,
        'reference' in secret
          ? this.references.read(secret.reference, name)
          : openUnder(this.key, bindingOf(engineId, name), Buffer.from(secret.sealed, 'base64')),
      ]),
    );
  }
}
