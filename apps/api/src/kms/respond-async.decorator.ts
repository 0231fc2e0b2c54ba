import { applyDecorators } from '@nestjs/common';
import { ApiAcceptedResponse, ApiHeader } from '@nestjs/swagger';
import { JobDto } from './dto/job.dto.js';

/** Describes a route that answers with a job where the caller would rather not wait. */
export const RespondAsync = (): MethodDecorator =>
  applyDecorators(
    ApiHeader({
      name: 'Prefer',
      required: false,
      description: '`respond-async`: answer 202 with the job that does it, named by `Location` (RFC 7240)',
    }),
    ApiAcceptedResponse({ type: JobDto, description: 'With `Prefer: respond-async`: the job that does it' }),
  );
