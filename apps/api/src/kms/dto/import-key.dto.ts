import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength, MinLength } from 'class-validator';
import { KeyDescriptionDto } from './key-description.dto.js';

/** Exactly one of `private_key` and `public_key`. */
export class ImportKeyDto extends KeyDescriptionDto {
  /** Base64 of a PEM or DER private key: PKCS#8, encrypted PKCS#8, PKCS#1 or SEC1. */
  @ApiProperty({ contentEncoding: 'base64' } as never)
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(64 * 1024)
  private_key?: string;

  /** Base64 of a PEM or DER public key: makes a key that only verifies. */
  @ApiProperty({ contentEncoding: 'base64' } as never)
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(64 * 1024)
  public_key?: string;

  /** Opens an encrypted private key. */
  @IsOptional()
  @IsString()
  @MaxLength(1024)
  passphrase?: string;
}
