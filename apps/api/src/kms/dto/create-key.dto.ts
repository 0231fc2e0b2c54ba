import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional } from 'class-validator';
import { KEY_ALGORITHMS } from '#crypto';
import { KeyDescriptionDto } from './key-description.dto.js';

export class CreateKeyDto extends KeyDescriptionDto {
  /**
   * Kind of key.
   * @example ECDSA
   */
  @ApiProperty({ enum: [...KEY_ALGORITHMS] })
  @IsIn(KEY_ALGORITHMS, { message: `algorithm must be one of ${KEY_ALGORITHMS.join(', ')}` })
  algorithm: string;

  /**
   * RSA 2048, 3072, 4096; ECDSA 224, 256, 384, 521; ML_DSA 44, 65, 87; otherwise optional.
   * @example 256
   */
  @ApiProperty({ type: 'integer' })
  @IsOptional()
  @IsInt()
  size?: number;
}
