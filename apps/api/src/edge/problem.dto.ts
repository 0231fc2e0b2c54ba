import { ApiProperty } from '@nestjs/swagger';

class ProblemFieldDto {
  path: string;
  message: string;
}

/** An error (RFC 9457), answered as `application/problem+json`. */
export class ProblemDto {
  /** @example /docs/errors/not_found */
  type: string;
  /** @example "Not found" */
  title: string;
  /** @example 404 */
  @ApiProperty({ type: 'integer' })
  status: number;
  /** @example "There is no such object for this tenant and token." */
  detail: string;
  /** @example urn:uuid:0190f3c2-7b1e-7c3a-9d2f-3b1c5a7e9f01 */
  instance: string;
  /** @example not_found */
  code: string;
  /** The same as `detail`, for Lamassu's clients. */
  err: string;
  /** Each fault of a validation problem. */
  errors?: ProblemFieldDto[];
}
