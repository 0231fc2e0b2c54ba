import { ApiProperty } from '@nestjs/swagger';

/** A record of the audit log. */
export class AuditEventDto {
  event_id: string;
  ts: string;
  /** @example kms.key.sign */
  action: string;
  @ApiProperty({ enum: ['success', 'refused'] })
  outcome: string;
  /** `<issuer>|<subject>` */
  actor: string;
  request_id: string;
  @ApiProperty({ type: String, nullable: true })
  key_id: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true })
  detail: Record<string, unknown>;
  /** Chain and place in it. */
  lane: number;
  seq: number;
  /** SHA-256 that chains the record, hex. */
  hash: string;
}
