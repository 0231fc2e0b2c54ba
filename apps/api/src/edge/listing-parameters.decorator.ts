import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsIn, IsOptional, IsString, MaxLength } from 'class-validator';

/*
 * The parameters that every listing takes. What they mean is for #database to say, which reads them; here they are
 * bounded.
 */

// The description reads bounds off the validators of a class, and not of what is in here: they are said twice.
const text = (maxLength: number): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ type: String, required: false, maxLength }),
    IsOptional(),
    IsString(),
    MaxLength(maxLength),
  );

/** Once or several times. */
export const FilterParameter = (): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ type: [String], required: false, maxItems: 20 }),
    IsOptional(),
    Transform(({ value }: { value: unknown }) =>
      value === undefined || Array.isArray(value) ? value : [value],
    ),
    IsArray(),
    ArrayMaxSize(20),
    IsString({ each: true }),
  );

export const LimitParameter = (): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ type: 'integer', minimum: 1, maximum: 200, required: false }),
    IsOptional(),
    IsString(),
  );

export const BookmarkParameter = (): PropertyDecorator => text(16_384);

export const SortByParameter = (): PropertyDecorator => text(512);

export const SortModeParameter = (): PropertyDecorator =>
  applyDecorators(IsOptional(), IsIn(['asc', 'desc']));
