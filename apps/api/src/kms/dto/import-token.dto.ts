import { ApiProperty } from '@nestjs/swagger';

/** What a private key is wrapped under: RSA-OAEP with SHA-256 of an AES-256 key, then AES-KWP (RFC 5649) of the PKCS#8. */
export class ImportTokenDto {
  /** Used up by the first import that succeeds, and the fifth that fails. */
  import_token: string;
  engine_id: string;
  /** Base64 of a PEM public key, RSA-4096. */
  @ApiProperty({ contentEncoding: 'base64' } as never)
  wrapping_key: string;
  @ApiProperty({ enum: ['RSA_AES_KEY_WRAP_SHA_256'] })
  wrapping_algorithm: string;
  /** Where the key is in clear again for a moment. */
  @ApiProperty({ enum: ['service'] })
  unwrapped_in: string;
  @ApiProperty({ format: 'date-time' })
  expires_ts: string;
}
