import { ApiProperty } from '@nestjs/swagger';

/** A record of the audit log. */
export class AuditEventDto {
  /** @example 0190f3c2-7b1e-7c3a-9d2f-3b1c5a7e9f01 */
  event_id: string;
  /** @example 2026-11-07T10:00:00.000Z */
  @ApiProperty({ format: 'date-time' })
  ts: string;
  /** @example kms.key.sign */
  action: string;
  @ApiProperty({ enum: ['success', 'refused'] })
  outcome: string;
  /**
   * `<issuer>|<subject>`
   * @example https://login.example.org|alice
   */
  actor: string;
  request_id: string;
  @ApiProperty({ type: String, nullable: true })
  key_id: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true })
  detail: Record<string, unknown>;
  /** Chain and place in it. */
  @ApiProperty({ type: 'integer' })
  lane: number;
  @ApiProperty({ type: 'integer' })
  seq: number;
  /** SHA-256 that chains the record, hex. */
  hash: string;
}
