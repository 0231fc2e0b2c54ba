import { ApiHeader } from '@nestjs/swagger';

/** Describes the header by which a change names the version that it is meant for. */
export const IfMatch = (): MethodDecorator =>
  ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'ETag of the version that this change is meant for',
  });
