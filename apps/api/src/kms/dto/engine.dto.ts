import { ApiProperty } from '@nestjs/swagger';

class SupportedKeyTypeDto {
  /** @example RSA */
  type: string;
  /** @example [2048, 3072, 4096] */
  @ApiProperty({ type: 'integer', isArray: true })
  sizes: number[];
}

class EngineHealthDto {
  @ApiProperty({ enum: ['ok', 'down'] })
  status: string;
  /** @example 2026-11-07T10:00:00.000Z */
  @ApiProperty({ format: 'date-time' })
  checked_ts: string;
  latency_ms: number;
}

/** A crypto engine and what it can do. */
export class EngineDto {
  /** @example software */
  id: string;
  @ApiProperty({ enum: ['SOFTWARE', 'PKCS11', 'AWS_KMS'] })
  type: string;
  /** 0 software, 1 hardware without certification, 2 certified hardware. */
  @ApiProperty({ type: 'integer' })
  security_level: number;
  /** @example OpenSSL */
  provider: string;
  name: string;
  @ApiProperty({ type: 'object', additionalProperties: true })
  metadata: Record<string, unknown>;
  supported_key_types: SupportedKeyTypeDto[];
  default: boolean;
  @ApiProperty({ enum: ['ready', 'failed'] })
  state: string;
  health: EngineHealthDto;
  /** @example ["generate", "import", "sign", "sign-digest"] */
  capabilities: string[];
}

/** An engine as operators see it. */
export class EngineDetailDto extends EngineDto {
  /** The server's configuration declares it, and it cannot be changed here. */
  declared: boolean;
  @ApiProperty({ type: 'object', additionalProperties: true })
  config?: Record<string, unknown>;
  /**
   * Names of the secrets that are set; what they are is never told.
   * @example ["pin"]
   */
  @ApiProperty({ type: [String] })
  secrets?: string[];
  /** Tenants that may use it; null: all. */
  @ApiProperty({ type: [String], nullable: true })
  tenants: string[] | null;
  @ApiProperty({ type: 'integer' })
  version: number;
  @ApiProperty({ format: 'date-time' })
  created_ts?: string;
  @ApiProperty({ format: 'date-time' })
  updated_ts?: string;
}

/** What came of trying an engine out. */
export class EngineTestDto {
  @ApiProperty({ enum: ['ok', 'failed'] })
  status: string;
  @ApiProperty({ type: 'integer' })
  latency_ms: number;
  @ApiProperty({ type: [SupportedKeyTypeDto] })
  supported_key_types?: SupportedKeyTypeDto[];
  /** Why it failed. */
  error?: string;
}
