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

/** How many keys there are in an engine and in the rows. */
export class ReconciliationCountsDto {
  /** In the device, and of a key or of one that is being made. */
  @ApiProperty({ type: 'integer' })
  known: number;
  /** In the device, made by Claviger, and of no key. */
  @ApiProperty({ type: 'integer' })
  orphan: number;
  /** In the device, and made by somebody else. */
  @ApiProperty({ type: 'integer' })
  foreign: number;
  /** Keys that are not in the device. */
  @ApiProperty({ type: 'integer' })
  missing: number;
}

/** A key that is in an engine or in the rows, and not in both. */
export class ReconciliationFindingDto {
  /** @example acme */
  tenant_id: string;
  /** @example key-01a1fca6-4664-7f9b-8d34-fe7e32a08e69 */
  key_id: string;
  /** The device's own name for it: hex of CKA_ID, an ARN. */
  object_id: string;
}

/** What came of comparing an engine with the keys that should be in it. */
export class EngineReconciliationDto {
  engine_id: string;
  @ApiProperty({ format: 'date-time' })
  finished_ts: string;
  counts: ReconciliationCountsDto;
  /** A hundred of them at most. */
  @ApiProperty({ type: [ReconciliationFindingDto] })
  orphans: ReconciliationFindingDto[];
  /** A hundred of them at most. */
  @ApiProperty({ type: [ReconciliationFindingDto] })
  missing: ReconciliationFindingDto[];
  /** Orphans that were destroyed, because that was asked for. */
  @ApiProperty({ type: 'integer' })
  destroyed_orphans: number;
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
  /** What came of comparing it the last time, if it ever was. */
  @ApiProperty({ type: EngineReconciliationDto, required: false })
  last_reconciliation?: EngineReconciliationDto;
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
