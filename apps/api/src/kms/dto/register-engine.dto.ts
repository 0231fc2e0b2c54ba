import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsObject, IsOptional, IsString, Matches } from 'class-validator';
import { nameFault } from '#keys';
import { Complies } from '../../edge/complies.decorator.js';
import { configFault, ENGINE_ID, secretsFault, tenantsFault } from './engine-bounds.js';

/** An engine to be registered. */
export class RegisterEngineDto {
  /** @example payments-hsm */
  @ApiProperty({ pattern: ENGINE_ID.source })
  @IsString()
  @Matches(ENGINE_ID, {
    message: 'id must be 1 to 63 of A-Z a-z 0-9 . _ -, and begin with a letter or digit',
  })
  id: string;

  /** @example PKCS11 */
  @ApiProperty({ enum: ['PKCS11', 'AWS_KMS'] })
  @IsIn(['PKCS11', 'AWS_KMS'], { message: 'type must be PKCS11 or AWS_KMS' })
  type: 'PKCS11' | 'AWS_KMS';

  /** @example Payments HSM */
  @ApiProperty({ minLength: 1, maxLength: 255 })
  @Complies(nameFault)
  name: string;

  /**
   * Which members there are depends on the type: see docs/engines.md.
   * @example { "module": "/usr/lib/softhsm/libsofthsm2.so", "token_label": "payments" }
   */
  @ApiProperty({ type: 'object', additionalProperties: true })
  @IsObject()
  @Complies(configFault)
  config: Record<string, unknown>;

  /**
   * Values, or references: `env:CLAVIGER_SECRET_…`, `file:/…`.
   * @example { "pin": "file:/run/secrets/payments-pin" }
   */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' }, writeOnly: true })
  @IsOptional()
  @Complies(secretsFault(false))
  secrets?: Record<string, string>;

  /** Tenants that may use it; null or absent: all. */
  @ApiProperty({ type: [String], nullable: true })
  @IsOptional()
  @Complies(tenantsFault)
  tenants?: string[] | null;

  /** Whether it is used where a caller names no engine. */
  @IsOptional()
  @IsBoolean()
  default?: boolean;
}
