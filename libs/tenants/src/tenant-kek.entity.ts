import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A tenant's key-encryption key, wrapped by a root. The newest version seals; older ones only unseal. */
@Entity('tenant_kek')
export class TenantKekEntity {
  @PrimaryColumn({ name: 'tenant_id', type: 'text' }) tenantId: string;
  @PrimaryColumn({ type: 'integer' }) version: number;
  @Column({ name: 'root_id', type: 'text' }) rootId: string;
  @Column({ type: 'bytea' }) wrapped: Buffer;
  @Column({ name: 'created_ts', type: 'timestamptz', precision: 3 }) createdTs: Date;
}
