import { Column, Entity, PrimaryColumn } from 'typeorm';

export type TenantState = 'active' | 'suspended';

@Entity('tenant')
export class TenantEntity {
  @PrimaryColumn({ type: 'text' }) id: string;
  @Column({ type: 'text' }) state: TenantState;
  @Column({ type: 'integer' }) version: number;
  @Column({ name: 'created_ts', type: 'timestamptz', precision: 3 }) createdTs: Date;
  @Column({ name: 'updated_ts', type: 'timestamptz', precision: 3 }) updatedTs: Date;
}
