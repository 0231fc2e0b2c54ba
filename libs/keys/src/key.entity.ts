import { Column, Entity, PrimaryColumn } from 'typeorm';

export type KeyState = 'enabled' | 'disabled' | 'pending_deletion' | 'destroyed';
export type KeyOrigin = 'generated' | 'imported';
export type Metadata = Record<string, unknown>;

/** A key of a tenant. Destroyed keys stay as tombstones and are never answered. */
@Entity('kms_key')
export class KeyEntity {
  @PrimaryColumn({ name: 'tenant_id', type: 'text' }) tenantId: string;
  @PrimaryColumn({ name: 'key_id', type: 'text' }) keyId: string;
  @Column({ type: 'text' }) name: string;
  @Column({ name: 'engine_id', type: 'text' }) engineId: string;
  @Column({ type: 'text' }) algorithm: string;
  @Column({ type: 'integer' }) size: number;
  @Column({ name: 'has_private_key', type: 'boolean' }) hasPrivateKey: boolean;
  /** SubjectPublicKeyInfo, DER. */
  @Column({ type: 'bytea' }) spki: Buffer;
  /** SHA-256 of the SPKI, hex. */
  @Column({ type: 'text' }) fingerprint: string;
  @Column({ type: 'text' }) state: KeyState;
  @Column({ type: 'text' }) origin: KeyOrigin;
  @Column({ type: 'text', array: true }) aliases: string[];
  @Column({ type: 'text', array: true }) tags: string[];
  @Column({ type: 'jsonb' }) metadata: Metadata;
  @Column({ name: 'creation_ts', type: 'timestamptz', precision: 3 }) creationTs: Date;
  @Column({ name: 'updated_ts', type: 'timestamptz', precision: 3 }) updatedTs: Date;
  @Column({ type: 'integer' }) version: number;
  @Column({ name: 'rotated_from', type: 'text', nullable: true }) rotatedFrom: string | null;
  @Column({ name: 'rotated_to', type: 'text', nullable: true }) rotatedTo: string | null;
  /** When a key that waits for it is to be destroyed. */
  @Column({ name: 'deletion_ts', type: 'timestamptz', precision: 3, nullable: true })
  deletionTs: Date | null;
  @Column({ name: 'destroyed_ts', type: 'timestamptz', precision: 3, nullable: true })
  destroyedTs: Date | null;
}
