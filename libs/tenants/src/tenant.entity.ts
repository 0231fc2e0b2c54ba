import { Column, Entity, PrimaryColumn } from 'typeorm';

export type TenantState = 'active' | 'suspended';

@Entity('tenant')
export class TenantEntity {
  @PrimaryColumn({ type: 'text' }) id: string;
  @Column({ type: 'text' }) state: TenantState;
  /** Days that must at least lie between asking for a key's destruction and it; 0: none. */
  @Column({ name: 'min_deletion_days', type: 'integer' }) minDeletionDays: number;
  @Column({ type: 'integer' }) version: number;
  @Column({ name: 'created_ts', type: 'timestamptz', precision: 3 }) createdTs: Date;
  @Column({ name: 'updated_ts', type: 'timestamptz', precision: 3 }) updatedTs: Date;
}
