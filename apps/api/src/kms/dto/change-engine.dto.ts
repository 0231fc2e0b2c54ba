import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsObject, IsOptional } from 'class-validator';
import { nameFault } from '#keys';
import { Complies } from '../../edge/complies.decorator.js';
import { configFault, secretsFault, tenantsFault } from './engine-bounds.js';

/** What can be changed of an engine; what is absent stays. */
export class ChangeEngineDto {
  /** @example Payments HSM */
  @ApiProperty({ required: false, minLength: 1, maxLength: 255 })
  @IsOptional()
  @Complies(nameFault)
  name?: string;

  /**
   * Replaced as a whole; which members there are depends on the type.
   * @example { "module": "/usr/lib/softhsm/libsofthsm2.so", "token_label": "payments" }
   */
  @ApiProperty({ type: 'object', additionalProperties: true })
  @IsOptional()
  @IsObject()
  @Complies(configFault)
  config?: Record<string, unknown>;

  /**
   * Values, or references: `env:CLAVIGER_SECRET_…`, `file:/…`. Replaced one by one; null takes one away.
   * @example { "pin": "file:/run/secrets/payments-pin" }
   */
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string', nullable: true },
    writeOnly: true,
  })
  @IsOptional()
  @Complies(secretsFault(true))
  secrets?: Record<string, string | null>;

  /** Tenants that may use it; null: all. */
  @ApiProperty({ type: [String], nullable: true })
  @IsOptional()
  @Complies(tenantsFault)
  tenants?: string[] | null;

  /** Whether it is used where a caller names no engine; another that was it no longer is. */
  @IsOptional()
  @IsBoolean()
  default?: boolean;
}
