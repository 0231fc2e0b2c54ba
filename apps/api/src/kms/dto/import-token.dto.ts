import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional } from 'class-validator';
import { KEY_ALGORITHMS } from '#crypto';

/** The kind of the key to come. Only a key whose kind was named can be unwrapped inside its engine. */
export class OpenImportDto {
  /** @example RSA */
  @ApiProperty({ enum: [...KEY_ALGORITHMS] })
  @IsOptional()
  @IsIn(KEY_ALGORITHMS, { message: `algorithm must be one of ${KEY_ALGORITHMS.join(', ')}` })
  algorithm?: string;

  /**
   * As for `POST /keys`.
   * @example 3072
   */
  @ApiProperty({ type: 'integer' })
  @IsOptional()
  @IsInt()
  size?: number;
}

/**
 * What a private key is wrapped under: RSA-OAEP of an AES-256 key, with the hash that `wrapping_algorithm` names and an
 * empty label, then AES-KWP (RFC 5649) of the PKCS#8.
 */
export class ImportTokenDto {
  /** Used up by the first import that succeeds, and the fifth that fails. */
  import_token: string;
  engine_id: string;
  /** Base64 of a PEM public key, RSA-4096. */
  @ApiProperty({ contentEncoding: 'base64' } as never)
  wrapping_key: string;
  @ApiProperty({ enum: ['RSA_AES_KEY_WRAP_SHA_1', 'RSA_AES_KEY_WRAP_SHA_256'] })
  wrapping_algorithm: string;
  /** Where the key is in clear again: for a moment in this service, or nowhere outside of the engine's device. */
  @ApiProperty({ enum: ['engine', 'service'] })
  unwrapped_in: string;
  @ApiProperty({ format: 'date-time' })
  expires_ts: string;
}
