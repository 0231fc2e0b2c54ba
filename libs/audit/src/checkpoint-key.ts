import { generateEd25519, platformKeyBinding, signEd25519, type RootWrapper } from '#crypto';
import type { Database } from '#database';
import type { SecretBytes } from '#kernel';

const NAME = 'audit-checkpoint';

/** The Ed25519 key that signs checkpoints: made once, kept wrapped by the root. */
export class CheckpointKey {
  private constructor(
    private readonly pkcs8: SecretBytes,
    /** SubjectPublicKeyInfo, DER. */
    readonly spki: Buffer,
  ) {}

  static open(database: Database, root: RootWrapper): Promise<CheckpointKey> {
    const binding = platformKeyBinding(NAME);
    return database.system('audit checkpoint key', async (tx) => {
      const read = () =>
        tx.query<{ root_id: string; wrapped: Buffer; public_key: Buffer }>(
          'SELECT root_id, wrapped, public_key FROM platform_key WHERE name = $1',
          [NAME],
        );
      if ((await read()).length === 0) {
        const fresh = generateEd25519();
        const { rootId, wrapped } = root.wrap(binding, fresh.pkcs8);
        await tx.query(
          `INSERT INTO platform_key (name, root_id, wrapped, public_key) VALUES ($1, $2, $3, $4)
           ON CONFLICT (name) DO NOTHING`,
          [NAME, rootId, wrapped, fresh.spki],
        );
      }
      const [row] = await read();
      return new CheckpointKey(root.unwrap(row!.root_id, binding, row!.wrapped), row!.public_key);
    });
  }

  sign(message: Buffer): Buffer {
    return signEd25519(this.pkcs8, message);
  }
}
