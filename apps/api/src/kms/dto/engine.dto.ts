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
  @ApiProperty({ enum: ['SOFTWARE'] })
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
