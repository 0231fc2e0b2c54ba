import { ApiProperty } from '@nestjs/swagger';

/** A key. */
export class KeyDto {
  /** @example key-0190f3c2-7b1e-7c3a-9d2f-3b1c5a7e9f01 */
  key_id: string;
  /** @example pkcs11:token-id=software;id=key-0190f3c2-7b1e-7c3a-9d2f-3b1c5a7e9f01;type=private */
  pkcs11_uri: string;
  /** @example my-signing-key */
  name: string;
  /** @example ["prod-key", "primary-key"] */
  aliases: string[];
  /** @example software */
  engine_id: string;
  has_private_key: boolean;
  /** @example ECDSA */
  algorithm: string;
  /** @example 256 */
  @ApiProperty({ type: 'integer' })
  size: number;
  /**
   * Base64 of the PEM text.
   * @example LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJemowREFRY0RRZ0FFN0I3Q0J0WG13ZGdSdTVBVXdKTWp4a2pOanVOcQpqTW5xSkFBSW1pV1lQV3E5Vi9FdHAxbEJjSll2TzVIM2FPTHNqS0tiZ3RlMWlNMEdKOWlIYlBucmtBPT0KLS0tLS1FTkQgUFVCTElDIEtFWS0tLS0tCg==
   */
  public_key: string;
  /** @example 2026-11-07T10:00:00.000Z */
  @ApiProperty({ format: 'date-time' })
  creation_ts: string;
  /** @example 2026-11-07T10:00:00.000Z */
  @ApiProperty({ format: 'date-time' })
  updated_ts: string;
  /** @example ["production", "signing"] */
  tags: string[];
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    example: { department: 'security', owner: 'admin' },
  })
  metadata: Record<string, unknown>;
  @ApiProperty({ enum: ['enabled', 'disabled'] })
  state: string;
  /** Moves on with every change; also the strong `ETag`. */
  @ApiProperty({ type: 'integer' })
  version: number;
  /** @example ["sign", "verify"] */
  usages: string[];
  @ApiProperty({ enum: ['generated', 'imported'] })
  origin: string;
  /** Always false: private keys do not leave. */
  exportable: boolean;
  /**
   * SHA-256 of the SubjectPublicKeyInfo, hex.
   * @example 5ad6a4ffde6ff5eb8d709a8de5b0cc6771903eee93b4389644a99d464fe0fe54
   */
  fingerprint: string;
  /** The key this one succeeded. */
  rotated_from?: string;
  /** The key that succeeded this one. */
  rotated_to?: string;
  /** When it last signed; at most 60 s late. */
  @ApiProperty({ format: 'date-time' })
  last_used_ts?: string;
}
