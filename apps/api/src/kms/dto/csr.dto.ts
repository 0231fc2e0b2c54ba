import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsOptional, IsString, MaxLength, MinLength } from 'class-validator';

const names: ApiPropertyOptions = { type: [String], maxItems: 100, required: false };

export class CsrDto {
  /**
   * Distinguished name (RFC 4514).
   * @example CN=device-17.example.org,O=Example
   */
  @IsString()
  @MinLength(1)
  @MaxLength(1024)
  subject: string;

  /**
   * Signature algorithm; the key's usual one unless given.
   * @example ECDSA_SHA_256
   */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  algorithm?: string;

  /** @example ["device-17.example.org"] */
  @ApiProperty(names)
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(253, { each: true })
  dns_names?: string[];

  /** @example ["192.0.2.17"] */
  @ApiProperty(names)
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(45, { each: true })
  ip_addresses?: string[];

  @ApiProperty(names)
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(320, { each: true })
  email_addresses?: string[];

  @ApiProperty(names)
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(2048, { each: true })
  uris?: string[];
}
