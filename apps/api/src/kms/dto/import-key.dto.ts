import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, IsString, Matches, MaxLength, MinLength } from 'class-validator';
import { KeyDescriptionDto } from './key-description.dto.js';

/** Exactly one of `private_key`, `public_key` and `wrapped_key`; `public_key` may also go with `wrapped_key`. */
export class ImportKeyDto extends KeyDescriptionDto {
  /** Base64 of a PEM or DER private key: PKCS#8, encrypted PKCS#8, PKCS#1 or SEC1. */
  @ApiProperty({ contentEncoding: 'base64' } as never)
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(64 * 1024)
  private_key?: string;

  /**
   * Base64 of a PEM or DER public key: makes a key that only verifies. With `wrapped_key` it says which key that must be,
   * and is needed where a key other than RSA is unwrapped in its engine.
   */
  @ApiProperty({ contentEncoding: 'base64' } as never)
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(64 * 1024)
  public_key?: string;

  /** Base64 of a private key, PKCS#8, wrapped as `POST /engines/{id}/import-key` says. */
  @ApiProperty({ contentEncoding: 'base64' } as never)
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(64 * 1024)
  wrapped_key?: string;

  /** What `wrapped_key` is wrapped under. */
  @IsOptional()
  @IsString()
  @Matches(/^imp-[0-9a-f-]{36}$/, { message: 'import_token must be one of POST /engines/{id}/import-key' })
  import_token?: string;

  /** Opens an encrypted private key. */
  @IsOptional()
  @IsString()
  @MaxLength(1024)
  passphrase?: string;
}
